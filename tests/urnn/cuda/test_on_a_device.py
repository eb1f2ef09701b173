"""What only a real GPU can show of the kernel: streams, graphs, no waiting, torch.compile."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.urnn.conftest import needs_cuda
from tests.urnn.parity import error_of
from urnn import URNN
from urnn.streaming import call

pytestmark = needs_cuda

STEPS, BATCH, M, N = 20, 5, 3, 64


def layer_and_input(generator: torch.Generator) -> tuple[URNN, torch.Tensor]:
    """After a first call, which builds and loads what later ones use."""
    rnn = URNN(M, N, backend="cuda", device="cuda")
    x = torch.randn(STEPS, BATCH, M, generator=generator).cuda()
    rnn(x)[0].sum().backward()
    rnn.zero_grad(set_to_none=False)
    return rnn, x


def gradients(rnn: URNN) -> list[torch.Tensor]:
    return [parameter.grad.clone() for parameter in rnn.parameters()]


def test_auto_takes_it():
    assert URNN(M, N, device="cuda").backend_in_use == "cuda"
    assert URNN(M, 100, device="cuda").backend_in_use == "cuda"
    assert URNN(M, 7, device="cuda").backend_in_use == "reference"


def test_it_runs_on_the_current_stream(generator):
    """The input is written on a side stream after a long wait: a launch elsewhere would read what was before."""
    rnn, x = layer_and_input(generator)
    expected = rnn(x)[0]
    late, side = torch.zeros_like(x), torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        torch.cuda._sleep(100_000_000)
        late.copy_(x)
        output = rnn(late)[0]
    torch.cuda.current_stream().wait_stream(side)
    assert torch.equal(output, expected)


def test_nothing_waits_for_the_device(generator):
    rnn, x = layer_and_input(generator)
    torch.cuda.set_sync_debug_mode("error")
    try:
        rnn(x)[0].sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(torch.isfinite(gradient).all() for gradient in gradients(rnn))


def test_a_training_step_can_be_captured_and_replayed_on_other_data(generator):
    rnn, x = layer_and_input(generator)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            rnn.zero_grad(set_to_none=True)
            rnn(x)[0].square().sum().backward()
    torch.cuda.current_stream().wait_stream(side)
    rnn.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = rnn(x)[0]
        output.square().sum().backward()
    x.copy_(torch.randn(STEPS, BATCH, M, generator=generator))
    with torch.no_grad():
        rnn.layers[0].W.theta.add_(0.1)  # tables are made of the parameters at each replay
    graph.replay()
    found = [output.clone(), *gradients(rnn)]
    rnn.zero_grad(set_to_none=True)
    expected = rnn(x)[0]
    expected.square().sum().backward()
    for value, exact in zip(found, [expected, *gradients(rnn)], strict=True):
        assert torch.equal(value, exact)


def streaming(rnn: URNN, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    """The output of a call without gradients, which must have gone the short way."""
    with torch.no_grad():
        found = call(rnn, x, h)
    assert found is not None
    return found[0]


def one_step(generator: torch.Generator) -> tuple[URNN, torch.Tensor, torch.Tensor]:
    rnn, x = layer_and_input(generator)
    return rnn, x[:1], torch.randn(1, BATCH, N, generator=generator, dtype=torch.complex64).cuda()


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("n", [4, 64, 512, 2048, 4096, 6, 25, 60, 768, 1000, 2025, 3000])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_call_without_gradients_is_the_references(generator, preset, n, steps):
    rnn = URNN(M, n, preset=preset, device="cuda")
    exact = copy.deepcopy(rnn).double().cpu()
    exact.backend = "reference"
    x = torch.randn(steps, BATCH, M, generator=generator)
    h = torch.randn(1, BATCH, n, generator=generator, dtype=torch.complex64) / n**0.5
    for first in (h, None):
        with torch.no_grad():
            expected, last = exact(x.double(), None if first is None else first.to(torch.complex128))
            output, h_n = call(rnn, x.cuda(), None if first is None else first.cuda())
        bound = 8 * n * steps * torch.finfo(torch.float32).eps
        assert error_of(output.cpu(), expected) <= bound
        assert error_of(torch.view_as_real(h_n).cpu(), torch.view_as_real(last)) <= bound


def test_a_step_waits_for_nothing(generator):
    rnn, x, h = one_step(generator)
    expected = streaming(rnn, x, h)
    torch.cuda.set_sync_debug_mode("error")
    try:
        output = streaming(rnn, x, h)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(output, expected)


def test_tables_that_are_kept_follow_what_no_version_tells(generator):
    """A CUDA graph writes to a parameter when it is replayed: the host sees nothing of it."""
    rnn, x, h = one_step(generator)
    theta, other = rnn.layers[0].W.theta, torch.rand(3, N, generator=generator).cuda()
    before = streaming(rnn, x, h)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        theta.data.copy_(other)
    version = theta._version
    graph.replay()
    assert theta._version == version
    after = streaming(rnn, x, h)
    assert not torch.equal(before, after)
    assert torch.equal(after, streaming(copy.deepcopy(rnn), x, h))


def test_a_step_can_be_captured_and_replayed_with_other_parameters(generator):
    rnn, x, h = one_step(generator)
    streaming(rnn, x, h)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = streaming(rnn, x, h)
    with torch.no_grad():
        rnn.layers[0].W.v.add_(0.5)
    expected = streaming(rnn, x, h)
    graph.replay()
    assert torch.equal(output, expected)


def test_streams_that_take_turns_see_every_write(generator):
    """Each keeps tables of its own; the writes are ordered between them, the tables by nothing."""
    rnn, x, h = one_step(generator)
    theta, streams = rnn.layers[0].W.theta, [torch.cuda.Stream(), torch.cuda.Stream()]
    for turn in range(6):
        stream = streams[turn % 2]
        stream.wait_stream(streams[1 - turn % 2])
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            theta.data.add_(0.1)
            output = streaming(rnn, x, h)
        torch.cuda.synchronize()
        assert torch.equal(output, streaming(copy.deepcopy(rnn), x, h))


COMPILE = """
import torch
from urnn import URNN
torch.manual_seed(0)
rnn = URNN(3, 64, backend="cuda", device="cuda", batch_first=True)
x = torch.randn(5, 2, 3, device="cuda", requires_grad=True)
compiled = torch.compile(rnn, fullgraph=True)
found = []
for run in (compiled, rnn):
    rnn.zero_grad()
    x.grad = None
    output, _ = run(x)
    output.sum().backward()
    found.append([output.detach(), x.grad, *(parameter.grad.clone() for parameter in rnn.parameters())])
for value, expected in zip(*found):
    torch.testing.assert_close(value, expected)
"""


def test_torch_compile_does_not_break_the_graph():
    """In a process of its own: the shape checker that the tests put around every function cannot be traced."""
    command = [sys.executable, "-c", COMPILE]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
