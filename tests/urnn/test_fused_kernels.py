"""The fused kernels against the reference in float64: every output, every gradient, every cut of the batch.

The CUDA kernel runs here without a GPU as well: its own source, built for a host (see `cuda/host.py`).
"""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.urnn.conftest import needs_cuda
from tests.urnn.parity import NAMES, arguments, assert_equals_reference, call, cases, error_of, needs_compiler, run
from urnn import URNN
from urnn.backends import fused, reference
from urnn.backends.contract import Parameters


@dataclass(frozen=True)
class Kernel:
    """One of them.

    Attributes:
        run_sequence: like `reference.run_sequence`, on tensors of the CPU.
        largest: complex units in all samples together that it runs in little time.
        steps: time steps of one small sample, likewise.
    """

    name: str
    run_sequence: Callable
    largest: int
    steps: int


def on_the_device(x: torch.Tensor, h_0: torch.Tensor, parameters: Parameters) -> tuple[torch.Tensor, torch.Tensor]:
    """The sequence on a real GPU, with its results brought back."""
    moved = Parameters(*(value.cuda() if torch.is_tensor(value) else value for value in parameters))
    states, last = fused.run_sequence(x.cuda(), h_0.cuda(), moved)
    return states.cpu(), last.cpu()


@pytest.fixture(
    params=[
        pytest.param("cpu", marks=needs_compiler),
        pytest.param("cuda-on-a-host", marks=(needs_compiler, pytest.mark.slow)),
        pytest.param("cuda", marks=needs_cuda),
    ]
)
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    if request.param == "cuda-on-a-host":
        request.getfixturevalue("cuda_on_a_host")
        yield Kernel(request.param, fused.run_sequence, largest=8192, steps=2000)
    elif request.param == "cuda":
        yield Kernel(request.param, on_the_device, largest=1 << 20, steps=100_000)
    else:
        yield Kernel(request.param, fused.run_sequence, largest=1 << 20, steps=100_000)


SIZES, DTYPES = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096], [torch.float32, torch.float64]
# Each way in which a CUDA kernel cuts a transform: one pass, a first that only moves units, each radix first, in
# the middle and last, threads without units, odd numbers of units and of elements.
OTHER_SIZES = [
    5,
    6,
    9,
    10,
    12,
    15,
    25,
    27,
    30,
    45,
    60,
    75,
    81,
    96,
    100,
    135,
    360,
    375,
    500,
    768,
    810,
    1000,
    1536,
    2025,
]


@pytest.mark.parametrize(
    ("kernel", "n", "dtype"),
    cases(
        every=[*itertools.product([*SIZES, *OTHER_SIZES, 3000], DTYPES)],
        # One dtype a size, and both where each has units a thread of its own.
        on_a_host=[
            *zip(SIZES, itertools.cycle(DTYPES), strict=False),
            *[(4, torch.float64), (2048, torch.float32)],
            *zip(OTHER_SIZES, itertools.cycle(DTYPES), strict=False),
            *[(25, torch.float64), (3000, torch.float32)],
        ],
    ),
    indirect=["kernel"],
    ids=str,
)
def test_outputs_and_gradients_are_the_references(kernel, n, dtype, generator):
    batches = [batch for batch in (1, 5, 12, 20) if batch == 1 or batch * n <= kernel.largest]
    for batch in batches:
        given = arguments(n, batch, 5, 3, dtype, generator)
        assert_equals_reference(kernel.run_sequence, given, dtype)


@pytest.mark.parametrize("m", [1, 2, 3, 10, 16, 17, 40])
@pytest.mark.parametrize("steps", [1, 2, 40])
def test_any_input_width_and_length(kernel, m, steps, generator):
    given = arguments(16, 3, steps, m, torch.float64, generator)
    assert_equals_reference(kernel.run_sequence, given, torch.float64)


@pytest.mark.parametrize("m", [1, 10])
@pytest.mark.parametrize("steps", [33, 75])
def test_gradients_where_none_is_asked_for_the_input(kernel, m, steps, generator):
    """The chunks are longer then, and a sample alone adds several steps to V's gradient at a time."""
    given = arguments(64, 1, steps, m, torch.float64, generator)
    names = [name for name in NAMES if name != "x"]
    for name in names:
        given[name].requires_grad_()
    exact, found = (
        torch.autograd.grad(call(run_sequence, **given)[0].square().sum(), [given[name] for name in names])
        for run_sequence in (reference.run_sequence, kernel.run_sequence)
    )
    for value, expected in zip(found, exact, strict=True):
        assert error_of(value, expected) <= 8 * 64 * steps * torch.finfo(torch.float64).eps


@pytest.mark.slow
@given(
    exponent=st.integers(2, 7),
    batch=st.integers(1, 40),
    steps=st.integers(1, 20),
    m=st.integers(1, 20),
    seed=st.integers(0, 9),
)
@settings(
    deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_random_shapes(kernel, exponent, batch, steps, m, seed):
    generator = torch.Generator().manual_seed(seed)
    given = arguments(2**exponent, batch, steps, m, torch.float64, generator)
    assert_equals_reference(kernel.run_sequence, given, torch.float64)


@pytest.mark.parametrize("n", [32, 64])
def test_the_released_epsilon(kernel, n, generator):
    given = arguments(n, 11, 6, 3, torch.float64, generator) | {"epsilon": 1e-2}
    assert_equals_reference(kernel.run_sequence, given, torch.float64)


@pytest.mark.slow
def test_long_sequences_stay_with_the_reference(kernel, generator):
    """b = 0 keeps the norm, so errors add up and are not forgotten."""
    batch, steps = (3, 300) if kernel.name == "cuda-on-a-host" else (11, 1000)
    given = arguments(64, batch, steps, 2, torch.float64, generator)
    given["b"] = torch.zeros_like(given["b"])
    assert_equals_reference(kernel.run_sequence, given, torch.float64)


def test_a_shared_first_state_gets_the_sum_of_gradients(kernel, generator):
    given = arguments(16, 5, 4, 3, torch.float64, generator)
    shared = given["h_0"][:1].clone()
    found = []
    for run_sequence in (kernel.run_sequence, reference.run_sequence):
        first = shared.clone().requires_grad_()
        call(run_sequence, **given | {"h_0": first.expand(5, -1)})[0].square().sum().backward()
        found.append(first.grad)
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("n", [16, 64])
def test_units_that_are_all_dead_pass_no_gradient(kernel, n, generator):
    given = arguments(n, 3, 4, 2, torch.float64, generator)
    given["b"] = torch.full_like(given["b"], -100.0)
    weights = torch.ones(4, 3, 2 * n), torch.ones(3, 2 * n)
    states, _, gradients = run(kernel.run_sequence, given, weights, torch.float64)
    assert states.abs().max() == 0
    assert all(gradient.abs().max() == 0 for gradient in gradients)


@pytest.mark.parametrize("n", [16, 64])
def test_states_at_exactly_zero_pass_no_gradient(kernel, n, generator):
    given = arguments(n, 3, 4, 2, torch.float64, generator)
    for name in ("x", "h_0"):
        given[name] = torch.zeros_like(given[name])
    weights = torch.ones(4, 3, 2 * n), torch.ones(3, 2 * n)
    states, _, gradients = run(kernel.run_sequence, given, weights, torch.float64)
    assert states.abs().max() == 0
    assert all(torch.isfinite(gradient).all() and gradient.abs().max() == 0 for gradient in gradients)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
@pytest.mark.parametrize("m", [3, 40])
@pytest.mark.parametrize(("n", "sample"), [(32, 7), (64, 7), (64, 17)], ids=["block", "beside", "alone"])
def test_what_is_not_finite_reaches_the_output_of_its_sample_only(kernel, n, sample, poison, m, generator):
    given = arguments(n, 18, 3, m, torch.float32, generator)
    given["x"][1, sample, 0] = poison
    states, _ = call(kernel.run_sequence, **given)
    assert torch.isfinite(states[0]).all()
    assert not torch.isfinite(states[1:, sample]).any()
    assert torch.isfinite(states[:, [*range(sample), *range(sample + 1, 18)]]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "batch", "m", "dtype"),
    cases(
        every=[*itertools.product([7, 70], [1, 16, 17, 40], DTYPES)],
        on_a_host=[(7, 17, torch.float32), (70, 1, torch.float64)],
    ),
    indirect=["kernel"],
    ids=str,
)
def test_threads_and_repetition_do_not_change_a_bit(kernel, batch, m, dtype, generator):
    steps = 10 if kernel.name == "cuda-on-a-host" else 40
    given = arguments(64, batch, steps, m, dtype, generator)
    weights = (torch.randn(steps, batch, 128, generator=generator), torch.randn(batch, 128, generator=generator))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 2, 3, 8) if kernel.name == "cpu" else (1, 1):
            torch.set_num_threads(threads)
            results.append(run(kernel.run_sequence, given, weights, dtype))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for value, first in zip((*other[:2], *other[2]), (*results[0][:2], *results[0][2]), strict=True):
            assert torch.equal(value, first)


def test_gradcheck(kernel, generator):
    given = arguments(4, 2, 2, 2, torch.float64, generator)
    inputs = [given[name].requires_grad_() for name in NAMES]

    def states(x, h_0, theta, v, V, b):
        tensors = {"x": x, "h_0": h_0, "theta": theta, "v": v, "V": V, "b": b}
        return call(kernel.run_sequence, **tensors, permutation=given["permutation"], epsilon=0.0)

    assert torch.autograd.gradcheck(states, inputs)


def test_a_second_derivative_is_refused(kernel, generator):
    given = arguments(4, 3, 3, 2, torch.float64, generator)
    given["x"].requires_grad_()
    (gradient,) = torch.autograd.grad(
        call(kernel.run_sequence, **given)[0].square().sum(), given["x"], create_graph=True
    )
    with pytest.raises(RuntimeError):
        gradient.sum().backward()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # torch's own notes while it traces
def test_opcheck(kernel, generator):
    given = arguments(8, 3, 4, 2, torch.float64, generator)
    if kernel.name == "cuda":
        given = {name: value.cuda() if torch.is_tensor(value) else value for name, value in given.items()}
    for name in NAMES:
        given[name].requires_grad_()
    torch.library.opcheck(torch.ops.urnn.sequence.default, tuple(given.values()))


@pytest.mark.parametrize("n", [16, 64])
def test_it_keeps_the_norm_over_many_steps(kernel, n, generator):
    """Linear steps in float64: no input, no bias."""
    given = arguments(n, 1, kernel.steps, 1, torch.float64, generator)
    given |= {"x": torch.zeros_like(given["x"]), "b": torch.zeros_like(given["b"])}
    _, last = call(kernel.run_sequence, **given)
    drift = abs(last.norm() / given["h_0"].norm() - 1).item()
    assert (
        drift <= kernel.steps * torch.finfo(torch.float64).eps * 4
    )  # a few roundings a step, at worst all one way


@pytest.mark.parametrize("lengths", [None, [9, 4, 1]], ids=["one length", "packed"])
def test_layers_directions_and_packed_sequences(kernel, lengths, generator):
    """Through the layer, whose backend "cpu" is the kernel of the fixture unless that needs a real GPU."""
    device, name = ("cuda", "cuda") if kernel.name == "cuda" else ("cpu", "cpu")
    rnn = URNN(2, 16, num_layers=2, bidirectional=True, dtype=torch.float64, device=device)
    x = torch.randn(9, 3, 2, generator=generator, dtype=torch.float64).to(device)
    if lengths:
        x = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths))
    found = []
    for rnn.backend in (name, "reference"):
        rnn.zero_grad()
        output, h_n = rnn(x)
        values = output.data if lengths else output
        (values.square().sum() + h_n.real.sum()).backward()
        found.append([values, torch.view_as_real(h_n), *(p.grad for p in rnn.parameters())])
    for value, expected in zip(*found, strict=True):
        assert error_of(value, expected) <= 8 * 16 * 9 * torch.finfo(torch.float64).eps


COMPILE = """
import torch
from urnn import URNN
torch.manual_seed(0)
rnn, x = URNN(3, 16, backend="cpu", batch_first={batch_first}), torch.randn(5, 2, 3, requires_grad=True)
compiled = torch.compile(rnn, fullgraph=True, backend="{compiler}")
compiled(x)[0].sum().backward()
leaves = [x, *rnn.parameters()]
gradients = [leaf.grad.clone() for leaf in leaves]
for leaf in leaves:
    leaf.grad = None
output, _ = rnn(x)
output.sum().backward()
torch.testing.assert_close(compiled(x)[0], output)
for gradient, leaf in zip(gradients, leaves):
    torch.testing.assert_close(gradient, leaf.grad)
"""


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(("batch_first", "compiler"), [(False, "aot_eager"), (True, "inductor")])
def test_torch_compile_does_not_break_the_graph(batch_first, compiler):
    """In a process of its own: the shape checker that the tests put around every function cannot be traced.

    Inductor holds gradients against the strides that they are said to have.
    """
    command = [sys.executable, "-c", COMPILE.format(batch_first=batch_first, compiler=compiler)]
    alone = os.environ | {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}  # an earlier version's graph would be served
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, env=alone
    )
    assert done.returncode == 0, done.stderr[-2000:]
