"""Calls without gradients on the CUDA kernels: the numbers of the general way, and tables kept while they hold."""

import copy
import gc
from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.urnn.cuda.host import H100
from tests.urnn.parity import error_of
from urnn import URNN, URNNCell, streaming
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import launch, tables
from urnn.backends.cuda.plan import choose

pytestmark = [
    pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine"),
    pytest.mark.slow,
]
N, M = 16, 3


@pytest.fixture(autouse=True)
def kept(cuda_on_a_host, monkeypatch) -> dict:
    """A CPU's tensors take the short way of a GPU; nothing is kept yet."""
    for dtype in (torch.float32, torch.float64):
        cpu_build.functions(dtype)  # registers a CPU's operators, which it does once
        monkeypatch.setitem(streaming.OPERATORS, dtype, streaming.ON_CUDA)
    monkeypatch.setattr(tables, "_kept", fresh := {})
    return fresh


def launches(cuda_on_a_host) -> list[str]:
    """The names of what was launched since the call before, of the plan of these tests."""
    kernels = cuda_on_a_host.load(choose(N, 1, torch.float32, False, H100))
    names = [name for name, _ in kernels.launches]
    kernels.launches.clear()
    return names


def reference(module: nn.Module) -> nn.Module:
    """The same layer in float64, on the reference."""
    twin = copy.deepcopy(module).double()
    twin.backend = "reference"
    return twin


def assert_like_the_reference(rnn: URNN, x: torch.Tensor, h: torch.Tensor | None) -> None:
    with torch.no_grad():
        found = streaming.call(rnn, x, h)
        exact = reference(rnn)(x.double(), None if h is None else h.to(torch.complex128))
    assert found is not None
    bound = 8 * rnn.hidden_size * max(x.shape) * torch.finfo(x.dtype).eps
    for value, expected in zip(found, exact, strict=True):
        assert value.shape == expected.shape
        assert value.stride() == expected.stride()
        assert not value.requires_grad
        assert (
            error_of(
                torch.view_as_real(value.resolve_conj()) if value.is_complex() else value,
                torch.view_as_real(expected) if expected.is_complex() else expected,
            )
            <= bound
        )


def state(batch: int, layers: int = 1, dtype: torch.dtype = torch.complex64) -> torch.Tensor:
    return torch.randn(layers, batch, N, dtype=dtype)


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (1, 9), (3, 2)])
def test_it_is_the_layer(preset, dtype, steps, batch):
    rnn, x = URNN(M, N, preset=preset, dtype=dtype), torch.randn(steps, batch, M, dtype=dtype)
    h = state(batch, dtype=torch.complex64 if dtype == torch.float32 else torch.complex128)
    for first in (h, None, h.conj()):
        assert_like_the_reference(rnn, x, first)


@pytest.mark.parametrize("m", [1, 2])
def test_few_inputs_of_a_sequence_are_multiplied_as_those_of_a_step(m):
    """To the same bits, whichever kernel runs."""
    rnn, x, h = URNN(m, N), torch.randn(4, 3, m), state(3)
    assert_like_the_reference(rnn, x, h)
    with torch.no_grad():
        whole, last = streaming.call(rnn, x, h)
        steps = []
        for x_t in x.split(1):
            output, h = streaming.call(rnn, x_t, h)
            steps.append(output)
    assert torch.equal(torch.cat(steps), whole)
    assert torch.equal(h, last)


def test_a_wide_input_is_multiplied_before(monkeypatch):
    monkeypatch.setattr("urnn.backends.cuda.short.NARROW", 0)
    for h in (state(2), None):
        assert_like_the_reference(URNN(M, N), torch.randn(1, 2, M), h)


def test_layers_batch_first_and_no_batch():
    assert_like_the_reference(URNN(M, N, num_layers=2), torch.randn(1, 2, M), state(2, layers=2))
    assert_like_the_reference(URNN(M, N, batch_first=True), torch.randn(2, 1, M), state(2))
    assert_like_the_reference(URNN(M, N), torch.randn(1, M), state(1)[0])


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_a_cell(preset):
    cell = URNNCell(M, N, preset=preset)
    for x, h in ((torch.randn(2, M), torch.randn(2, 2 * N)), (torch.randn(2, M), None), (torch.randn(M), None)):
        with torch.no_grad():
            found, exact = (
                streaming.step(cell, x, h),
                reference(cell)(x.double(), None if h is None else h.double()),
            )
        assert found.shape == exact.shape
        assert error_of(found, exact) <= 8 * N * N * torch.finfo(torch.float32).eps


def test_a_step_is_two_launches_and_a_sequence_too(cuda_on_a_host):
    for m, steps, kernel in ((M, 1, "step"), (M, 1, "step"), (M, 4, "forward"), (2, 4, "forward_few")):
        rnn = URNN(m, N)
        launches(cuda_on_a_host)
        with torch.no_grad():
            rnn(torch.randn(steps, 1, m))
        assert launches(cuda_on_a_host) == ["tables", kernel]


def write_by_an_optimiser(rnn: URNN) -> None:
    for parameter in rnn.parameters():
        parameter.grad = torch.ones_like(parameter)
    torch.optim.SGD(rnn.parameters(), lr=0.1).step()


def write_by_a_state_dict(rnn: URNN) -> None:
    rnn.load_state_dict(URNN(M, N).state_dict())


def write_through_data(rnn: URNN) -> None:
    rnn.layers[0].W.theta.data[1, 3] += 0.5


def write_by_numpy(rnn: URNN) -> None:
    rnn.layers[0].W.v.detach().numpy()[1, 2 * N - 1] += 0.5


def write_to_the_bias(rnn: URNN) -> None:
    rnn.layers[0].b.data[N - 1] -= 0.5


def write_to_the_permutation(rnn: URNN) -> None:
    rnn.layers[0].W.permutation.data.copy_(rnn.layers[0].W.permutation.flip(0))


def write_another_tensor(rnn: URNN) -> None:
    rnn.layers[0].W.theta.data = torch.randn(3, N)


def write_another_parameter(rnn: URNN) -> None:
    rnn.layers[0].W.theta = nn.Parameter(torch.randn(3, N))


def write_as_a_graph_replayed(rnn: URNN) -> None:
    """Neither a version nor an address changes."""
    theta = rnn.layers[0].W.theta
    before = theta._version, theta.data_ptr()
    torch.from_dlpack(theta.detach()).mul_(-1)
    assert (theta._version, theta.data_ptr()) == before


WRITES = [
    write_by_an_optimiser,
    write_by_a_state_dict,
    write_through_data,
    write_by_numpy,
    write_to_the_bias,
    write_to_the_permutation,
    write_another_tensor,
    write_another_parameter,
    write_as_a_graph_replayed,
]


@pytest.mark.parametrize("write", WRITES)
def test_every_write_to_a_parameter_is_seen(kept, write):
    rnn, x, h = URNN(M, N), torch.randn(1, 1, M), state(1)
    with torch.no_grad():
        before = rnn(x, h)[0]
        write(rnn)
        after = rnn(x, h)[0]
        kept.clear()
        assert torch.equal(after, rnn(x, h)[0])
    assert not torch.equal(before, after)


def only(kept: dict) -> dict:
    """Key -> tables of the one theta that there is."""
    (entry,) = kept.values()
    return entry.sets


def test_tables_that_hold_are_not_made_again(kept):
    """Where a number of the tables is another, it stays so, and is what is read."""
    rnn, x, h = URNN(M, N), torch.randn(1, 1, M), state(1)
    with torch.no_grad():
        before = rnn(x, h)[0]
        (held,) = only(kept).values()
        held.memory[4 * N :][: 2 * N] *= 2  # the first row: D1
        after = rnn(x, h)[0]
        assert not torch.equal(before, after)
        rnn.layers[0].b.data[0] += 1  # one bit of any parameter, and all are made
        assert_like_the_reference(rnn, x, h)


def test_each_stream_keeps_its_own(kept, monkeypatch):
    """What one stream writes another does not read: nothing orders the two."""
    rnn, x, h = URNN(M, N), torch.randn(1, 1, M), state(1)
    with torch.no_grad():
        for stream in (0, 7, 0):
            monkeypatch.setattr(launch, "current_stream", lambda device, stream=stream: stream)
            rnn(x, h)
    assert sorted(stream for _, stream, _ in only(kept)) == [0, 7]
    assert len({one.memory.data_ptr() for one in only(kept).values()}) == 2


def test_while_a_graph_is_captured_nothing_is_kept_or_read(kept, monkeypatch):
    """The graph's own launches make the tables at each replay, in the graph's own memory."""
    rnn, x, h = URNN(M, N), torch.randn(1, 1, M), state(1)
    with torch.no_grad():
        expected = rnn(x, h)[0]
        (held,) = only(kept).values()
        held.memory.fill_(torch.nan)
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
        assert torch.equal(rnn(x, h)[0], expected)
        assert torch.isnan(held.memory).all()  # neither read nor written
        assert list(only(kept).values()) == [held]


def test_what_is_kept_ends_with_the_layer(kept):
    rnn = URNN(M, N, num_layers=2)
    with torch.no_grad():
        rnn(torch.randn(1, 1, M))
        twin = copy.deepcopy(rnn)
        twin(torch.randn(1, 1, M))
    assert len(kept) == 4
    del rnn
    gc.collect()
    assert len(kept) == 2
    del twin
    gc.collect()
    assert not kept


def test_no_theta_has_more_than_a_few_sets(kept, monkeypatch):
    rnn, x = URNN(M, N), torch.randn(1, 1, M)
    for stream in range(3 * tables.MOST_KEPT):
        monkeypatch.setattr(launch, "current_stream", lambda device, stream=stream: stream)
        with torch.no_grad():
            rnn(x)
    assert 0 < len(only(kept)) <= tables.MOST_KEPT


def refused(change: Callable[[URNN], object]) -> URNN:
    rnn = URNN(M, N)
    change(rnn.layers[0])
    return rnn


REFUSED = {
    "a half input": (lambda layer: None, torch.zeros(1, 1, M).half(), None),
    "a wide input": (lambda layer: None, torch.zeros(1, 1, M + 1), None),
    "no samples": (lambda layer: None, torch.zeros(1, 0, M), None),
    "a state of other samples": (lambda layer: None, torch.zeros(1, 1, M), torch.zeros(1, 2, N) + 0j),
    "a real state": (lambda layer: None, torch.zeros(1, 1, M), torch.zeros(1, 1, N)),
    "a double state": (lambda layer: None, torch.zeros(1, 1, M), torch.zeros(1, 1, N, dtype=torch.complex128)),
    "a short theta": (lambda layer: setattr(layer.W.theta, "data", torch.zeros(2, N)), torch.zeros(1, 1, M), None),
    "a double bias": (lambda layer: layer.b.data.double, torch.zeros(1, 1, M).double(), None),
    "a freed matrix": (lambda layer: layer.V.untyped_storage().resize_(0), torch.zeros(1, 1, M), None),
    "a shrunk permutation": (
        lambda layer: layer.W.permutation.untyped_storage().resize_(8), torch.zeros(1, 1, M), None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "x", "h"), REFUSED.values(), ids=REFUSED)
def test_what_a_kernel_could_not_read_takes_the_general_way(change, x, h):
    rnn = refused(change)
    with torch.no_grad():
        assert streaming.call(rnn, x, h) is None


def test_tensors_of_another_device_than_the_current_one_take_the_general_way(monkeypatch):
    """A launch goes to the current device."""
    monkeypatch.setattr(launch, "current_device", lambda: 1)
    with torch.no_grad():
        assert streaming.call(URNN(M, N), torch.zeros(1, 1, M), None) is None


def test_an_overwritten_permutation_is_refused():
    rnn = URNN(M, N)
    rnn.layers[0].W.permutation[0] = rnn.layers[0].W.permutation[1]
    with torch.no_grad(), pytest.raises(ValueError, match=r"permutation must hold each of 0\.\.15 once"):
        rnn(torch.zeros(1, 1, M))
