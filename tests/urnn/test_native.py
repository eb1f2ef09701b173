"""nn.LSTM without oneDNN: the same numbers by other kernels, and the process's switch as it was."""

import threading

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from urnn import models
from urnn.baselines.native import NativeLSTM, by_backend, torchs_own_kernels

ONEDNN = "aten::mkldnn_rnn_layer"


def operators(rnn: nn.Module, x: torch.Tensor) -> set[str]:
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        rnn(x)
    return {event.key for event in recorded.key_averages()}


@pytest.fixture(autouse=True)
def the_switch_is_as_it_was():
    before = torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled
    yield
    assert (torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled) == before


@pytest.mark.parametrize("gradients", [True, False])
def test_it_is_another_kernel_with_the_same_numbers(gradients):
    torch.manual_seed(0)
    usual, native = nn.LSTM(3, 8), NativeLSTM(3, 8)
    native.load_state_dict(usual.state_dict())
    x = torch.randn(5, 2, 3)
    with torch.set_grad_enabled(gradients):
        assert ONEDNN in operators(usual, x)
        assert ONEDNN not in operators(native, x)
        torch.testing.assert_close(native(x)[0], usual(x)[0])
    if gradients:
        for rnn in (usual, native):
            rnn(x)[0].sum().backward()
        for one, other in zip(usual.parameters(), native.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize("model", ["gru", "rnn_tanh", "irnn", "ortho_cayley"])
def test_the_other_models_of_torch_have_no_second_way_on_a_cpu(model):
    rnn, x = models.get(model).build(3, 8), torch.randn(5, 2, 3)
    assert not [name for name in operators(rnn, x) if "mkldnn" in name]


def test_an_error_puts_the_switch_back():
    before = torch.backends.mkldnn.enabled
    with pytest.raises(RuntimeError, match=r"input\.size"):
        NativeLSTM(3, 8)(torch.randn(5, 2, 4))
    assert torch.backends.mkldnn.enabled == before


def test_threads_that_overlap_leave_the_switch_as_it_was():
    before, inside, leave = torch.backends.mkldnn.enabled, threading.Event(), threading.Event()

    def stay() -> None:
        with torchs_own_kernels():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=stay)
    with torchs_own_kernels():
        thread.start()
        assert inside.wait(60)
    assert torch.backends.mkldnn.enabled is False  # for the one that is still inside
    leave.set()
    thread.join()
    assert torch.backends.mkldnn.enabled == before


def test_a_switch_that_was_off_stays_off():
    before = torch.backends.mkldnn.enabled
    try:
        torch.backends.mkldnn.enabled = False
        NativeLSTM(3, 8)(torch.randn(5, 2, 3))
        assert torch.backends.mkldnn.enabled is False
    finally:
        torch.backends.mkldnn.enabled = before


def test_the_row_builds_either_way_and_refuses_others():
    build = models.get("lstm").build
    assert type(build(3, 4)) is type(build(3, 4, backend="auto")) is type(build(3, 4, backend="torch")) is nn.LSTM
    assert type(build(3, 4, backend="native", batch_first=True)) is NativeLSTM
    with pytest.raises(ValueError, match=r"^backend must be one of \['auto', 'torch', 'native'\], got 'cpu'$"):
        build(3, 4, backend="cpu")


def test_the_first_way_is_the_default():
    assert by_backend({"one": nn.GRU, "two": nn.LSTM})(3, 4).mode == "GRU"
