"""Each switch of the LSTM ladder is held to the operations that it promises.

Operations are counted, not timed: counts are the same on every machine.
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from unittest import mock

import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from urnn.ladder.lstm import RUNGS, StagedLSTM, Stages
from urnn.ladder.lstm_cell import pointwise
from urnn.ladder.lstm_products import add_recurrent

M, N, B = 3, 4, 2
GEMMS = {"aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"}
ACTIVATIONS = {"aten::sigmoid", "aten::sigmoid_backward", "aten::tanh", "aten::tanh_backward"}
POINTWISE = ACTIVATIONS | {"aten::add", "aten::addcmul", "aten::addcmul_", "aten::cat", "aten::mul"}


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def count(names: set[str], run: Callable[[], object]) -> Counter:
    """How often each operation ran, those inside another of `names` left out."""
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        run()
    outermost = (e for e in recorded.events() if e.cpu_parent is None or e.cpu_parent.name not in names)
    return Counter(event.name for event in outermost if event.name in names)


def gemms_forward(stages: Stages, T: int, L: int) -> Counter:
    lstm, x = StagedLSTM(M, N, L, stages), draw(T, B, M)
    return count(GEMMS, lambda: lstm(x))


def gemms_backward(stages: Stages, T: int, L: int, trained: bool) -> int:
    lstm, x = StagedLSTM(M, N, L, stages).requires_grad_(trained), draw(T, B, M).requires_grad_()
    loss = lstm(x)[0].sum()
    return count(GEMMS, loss.backward).total()


@pytest.mark.parametrize("L", [1, 3])
@pytest.mark.parametrize(
    ("name", "gemms", "gradients"),
    [
        ("naive", lambda T, L: 8 * T * L, lambda T, L: 8 * T * L),
        ("grouped_gates", lambda T, L: 2 * T * L, lambda T, L: 2 * T * L),
        ("batched_input", lambda T, L: T * L + L, lambda T, L: T * L + L),
        ("batched_weight_gradient", lambda T, L: T * L + L, lambda T, L: 2 * L),
        # one for layer 0's input, then a diagonal's recurrent ones together and its other inputs together
        ("wavefront", lambda T, L: 1 + (T + L - 1) + (T + L - 2 if L > 1 else 0), lambda T, L: 2 * L),
    ],
)
def test_a_rung_has_the_gemms_it_promises(name, gemms, gradients, L):
    stages, T = RUNGS[name], 6
    assert gemms_forward(stages, T, L).total() == gemms(T, L)
    of_weights = gemms_backward(stages, T, L, trained=True) - gemms_backward(stages, T, L, trained=False)
    assert of_weights == gradients(T, L)


@pytest.mark.parametrize(("T", "L"), [(6, 1), (6, 3), (2, 5)])
def test_the_wavefront_is_t_plus_l_minus_1_deep(T, L):
    """No two of its steps share a recurrent product or a pointwise part: one sigmoid a step says how many."""
    lstm, x = StagedLSTM(M, N, L, RUNGS["wavefront"]), draw(T, B, M)
    seen = count({"aten::sigmoid", "aten::baddbmm"}, lambda: lstm(x))
    assert seen["aten::sigmoid"] == T + L - 1
    inputs = T + L - 2 if L > 1 else 0
    assert seen["aten::baddbmm"] - inputs == T + L - 1


def test_without_a_wavefront_the_depth_is_t_times_l():
    lstm, x = StagedLSTM(M, N, 3, RUNGS["fused_pointwise"]), draw(6, B, M)
    assert count({"aten::sigmoid"}, lambda: lstm(x)).total() == 6 * 3


@pytest.mark.parametrize(("fused", "forward", "backward"), [(False, 9, None), (True, 6, 9)])
def test_the_fused_cell_has_the_launches_it_promises(fused, forward, backward):
    z, c = draw(B, 4 * N).requires_grad_(), draw(B, N).requires_grad_()
    made = []
    assert count(POINTWISE, lambda: made.extend(pointwise([z], c, fused=fused))).total() == forward
    given = [draw(B, N), draw(B, N)]
    launches = count(POINTWISE, lambda: torch.autograd.backward(made, given)).total()
    assert launches == backward if fused else launches > 9


@pytest.mark.parametrize("transposed", [False, True])
def test_weights_are_transposed_once_a_call(transposed):
    lstm, x = StagedLSTM(M, N, 3, Stages(grouped_gates=True, transposed_weights=transposed)), draw(6, B, M)
    copies = count({"aten::contiguous"}, lambda: lstm(x)).total()
    assert copies == (2 * 3 if transposed else 0)


def test_two_streams_wait_for_each_other(monkeypatch):
    """The order of events, with streams that only write it down: this runs without CUDA."""
    events = []
    main, side = (mock.create_autospec(torch.cuda.Stream, instance=True) for _ in range(2))
    main.wait_stream.side_effect = lambda other: events.append(("main waits", other is side))
    side.wait_stream.side_effect = lambda other: events.append(("side waits", other is main))

    @contextlib.contextmanager
    def stream(chosen):
        events.append(("enter", chosen is side))
        yield
        events.append(("leave", chosen is side))

    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: main)
    monkeypatch.setattr(torch.cuda, "stream", stream)
    h, W, z = draw(B, N), draw(N, 4 * N, seed=1), draw(B, 4 * N, seed=2)

    def input_part():
        events.append(("input", True))
        return [z]

    [total] = add_recurrent(input_part, h, [W], side)
    assert torch.equal(total, z + h @ W)
    order = ["side waits", "enter", "input", "leave", "main waits"]
    assert events == [(name, True) for name in order]
