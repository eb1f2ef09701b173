"""The fused CPU kernel against the reference in float64: every output, every gradient, every width of lanes."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from urnn import URNN
from urnn.backends import BACKENDS, cpu_build, fused, reference

pytestmark = pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")

NAMES = ("x", "h_0", "theta", "v", "V", "b")


def arguments(n: int, batch: int, steps: int, m: int, dtype: torch.dtype, generator: torch.Generator) -> dict:
    """First states that differ in the batch, and biases on both sides of zero, so that some units die."""

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    return {
        "x": normal(steps, batch, m),
        "h_0": normal(batch, 2 * n) / n**0.5,
        "theta": normal(3, n),
        "v": normal(2, 2 * n),
        "permutation": torch.randperm(n, generator=generator),
        "V": normal(2 * n, m) / (n * m) ** 0.5,
        "b": normal(n) * 0.1 / n**0.5,
        "epsilon": 0.0,
    }


def run(run_sequence, given: dict, weights: tuple[torch.Tensor, torch.Tensor], dtype: torch.dtype):
    """(states, last, gradient of each input) of a loss that reads every state and the last one once more."""
    given = {key: value.to(dtype) if key in NAMES else value for key, value in given.items()}
    for name in NAMES:
        given[name] = given[name].detach().clone().requires_grad_()
    states, last = run_sequence(**given)
    loss = (states * weights[0].to(dtype)).sum() + (last * weights[1].to(dtype)).sum()
    return states, last, torch.autograd.grad(loss, [given[name] for name in NAMES])


def error_of(actual: torch.Tensor, exact: torch.Tensor) -> float:
    """Largest error as a share of the largest value."""
    scale = max(exact.abs().max().item(), torch.finfo(torch.float32).tiny)
    return (actual.detach().double() - exact.detach()).abs().max().item() / scale


def values_of(result) -> tuple[torch.Tensor, ...]:
    states, last, gradients = result
    return states, last, *gradients


def sensitivity(given: dict, weights: tuple[torch.Tensor, torch.Tensor], dtype: torch.dtype) -> list[float]:
    """How far the reference itself moves, value by value, when every input is off by one rounding."""
    signs = torch.Generator().manual_seed(2)
    moved = dict(given)
    for name in NAMES:
        sign = torch.randint(0, 2, given[name].shape, generator=signs).double() * 2 - 1
        moved[name] = given[name] * (1 + sign * torch.finfo(dtype).eps)
    pair = [values_of(run(reference.run_sequence, inputs, weights, torch.float64)) for inputs in (moved, given)]
    return [error_of(value, exact) for value, exact in zip(*pair, strict=True)]


def assert_equals_reference(given: dict, dtype: torch.dtype) -> None:
    steps, batch, _ = given["x"].shape
    n = given["b"].shape[0]
    generator = torch.Generator().manual_seed(1)
    weights = (
        torch.randn(steps, batch, 2 * n, generator=generator, dtype=torch.float64),
        torch.randn(batch, 2 * n, generator=generator, dtype=torch.float64),
    )
    exact = values_of(run(reference.run_sequence, given, weights, torch.float64))
    actual = values_of(run(fused.run_sequence, given, weights, dtype))
    assert all(value.dtype == dtype for value in actual)
    errors = [error_of(value, expected) for value, expected in zip(actual, exact, strict=True)]
    # A step adds a few roundings to each number; n and the steps add up.
    bounds = [8 * torch.finfo(dtype).eps * max(n, 16) * steps] * len(errors)
    if max(errors) > bounds[0]:
        # 1/|z| spreads the roundings of a small state, in the reference as much: no more than n of its inputs'.
        bounds = [
            bound + n * moved for bound, moved in zip(bounds, sensitivity(given, weights, dtype), strict=True)
        ]
    for error, bound in zip(errors, bounds, strict=True):
        assert error <= bound, f"error {error:.2e} of the largest value, bound {bound:.2e}"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("batch", [1, 5, 12, 20])
@pytest.mark.parametrize("n", [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048])
def test_outputs_and_gradients_are_the_references(n, batch, dtype, generator):
    assert_equals_reference(arguments(n, batch, 5, 3, dtype, generator), dtype)


@pytest.mark.parametrize("m", [1, 2, 3, 10, 16, 17, 40])
@pytest.mark.parametrize("steps", [1, 2, 40])
def test_any_input_width_and_length(m, steps, generator):
    assert_equals_reference(arguments(16, 3, steps, m, torch.float64, generator), torch.float64)


@pytest.mark.parametrize("m", [1, 10])
@pytest.mark.parametrize("steps", [33, 75])
def test_gradients_where_none_is_asked_for_the_input(m, steps, generator):
    """The chunks are longer then, and a sample alone adds several steps to V's gradient at a time."""
    given = arguments(64, 1, steps, m, torch.float64, generator)
    names = [name for name in NAMES if name != "x"]
    for name in names:
        given[name].requires_grad_()
    exact, found = (
        torch.autograd.grad(run_sequence(**given)[0].square().sum(), [given[name] for name in names])
        for run_sequence in (reference.run_sequence, fused.run_sequence)
    )
    for value, expected in zip(found, exact, strict=True):
        assert error_of(value, expected) <= 8 * 64 * steps * torch.finfo(torch.float64).eps


@given(
    exponent=st.integers(2, 7),
    batch=st.integers(1, 40),
    steps=st.integers(1, 20),
    m=st.integers(1, 20),
    seed=st.integers(0, 9),
)
@settings(deadline=None, derandomize=True, max_examples=40)
def test_random_shapes(exponent, batch, steps, m, seed):
    generator = torch.Generator().manual_seed(seed)
    assert_equals_reference(arguments(2**exponent, batch, steps, m, torch.float64, generator), torch.float64)


@pytest.mark.parametrize("n", [32, 64])
def test_the_released_epsilon(n, generator):
    given = arguments(n, 11, 6, 3, torch.float64, generator) | {"epsilon": 1e-2}
    assert_equals_reference(given, torch.float64)


def test_long_sequences_stay_with_the_reference(generator):
    """b = 0 keeps the norm, so errors add up and are not forgotten."""
    given = arguments(64, 11, 1000, 2, torch.float64, generator)
    given["b"] = torch.zeros_like(given["b"])
    assert_equals_reference(given, torch.float64)


def test_a_shared_first_state_gets_the_sum_of_gradients(generator):
    rnn = URNN(3, 16, backend="cpu", dtype=torch.float64)
    x = torch.randn(4, 5, 3, generator=generator, dtype=torch.float64)
    rnn(x)[0].square().sum().backward()
    found = rnn.layers[0].h_0.grad.clone()
    rnn.zero_grad()
    rnn.backend = "reference"
    rnn(x)[0].square().sum().backward()
    torch.testing.assert_close(found, rnn.layers[0].h_0.grad)


@pytest.mark.parametrize("n", [16, 64])
def test_units_that_are_all_dead_pass_no_gradient(n, generator):
    given = arguments(n, 3, 4, 2, torch.float64, generator)
    given["b"] = torch.full_like(given["b"], -100.0)
    weights = torch.ones(4, 3, 2 * n), torch.ones(3, 2 * n)
    states, _, gradients = run(fused.run_sequence, given, weights, torch.float64)
    assert states.abs().max() == 0
    assert all(gradient.abs().max() == 0 for gradient in gradients)


@pytest.mark.parametrize("n", [16, 64])
def test_states_at_exactly_zero_pass_no_gradient(n, generator):
    given = arguments(n, 3, 4, 2, torch.float64, generator)
    for name in ("x", "h_0"):
        given[name] = torch.zeros_like(given[name])
    weights = torch.ones(4, 3, 2 * n), torch.ones(3, 2 * n)
    states, _, gradients = run(fused.run_sequence, given, weights, torch.float64)
    assert states.abs().max() == 0
    assert all(torch.isfinite(gradient).all() and gradient.abs().max() == 0 for gradient in gradients)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
@pytest.mark.parametrize("m", [3, 40])
@pytest.mark.parametrize(("n", "sample"), [(32, 7), (64, 7), (64, 17)], ids=["block", "beside", "alone"])
def test_what_is_not_finite_reaches_the_output_of_its_sample_only(n, sample, poison, m, generator):
    given = arguments(n, 18, 3, m, torch.float32, generator)
    given["x"][1, sample, 0] = poison
    states, _ = fused.run_sequence(**given)
    assert torch.isfinite(states[0]).all()
    assert not torch.isfinite(states[1:, sample]).any()
    assert torch.isfinite(states[:, [*range(sample), *range(sample + 1, 18)]]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("m", [10, 60])
@pytest.mark.parametrize("batch", [20, 70])
def test_threads_and_repetition_do_not_change_a_bit(batch, m, dtype, generator):
    given = arguments(64, batch, 40, m, dtype, generator)
    weights = (torch.randn(40, batch, 128, generator=generator), torch.randn(batch, 128, generator=generator))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 2, 3):
            torch.set_num_threads(threads)
            results.append(run(fused.run_sequence, given, weights, dtype))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for value, first in zip((*other[:2], *other[2]), (*results[0][:2], *results[0][2]), strict=True):
            assert torch.equal(value, first)


def test_gradcheck(generator):
    given = arguments(4, 3, 3, 2, torch.float64, generator)
    inputs = [given[name].requires_grad_() for name in NAMES]

    def states(x, h_0, theta, v, V, b):
        return fused.run_sequence(x, h_0, theta, v, given["permutation"], V, b, 0.0)

    assert torch.autograd.gradcheck(states, inputs)


def test_a_second_derivative_is_refused(generator):
    given = arguments(4, 3, 3, 2, torch.float64, generator)
    given["x"].requires_grad_()
    (gradient,) = torch.autograd.grad(fused.run_sequence(**given)[0].square().sum(), given["x"], create_graph=True)
    with pytest.raises(RuntimeError):
        gradient.sum().backward()


@pytest.mark.filterwarnings("default")  # torch's own notes while it traces
def test_opcheck(generator):
    given = arguments(8, 3, 4, 2, torch.float64, generator)
    for name in NAMES:
        given[name].requires_grad_()
    torch.library.opcheck(torch.ops.urnn.sequence.default, tuple(given.values()))


COMPILE = """
import torch
from urnn import URNN
torch.manual_seed(0)
rnn, x = URNN(3, 16, backend="cpu"), torch.randn(5, 2, 3)
compiled = torch.compile(rnn, fullgraph=True, backend="aot_eager")
compiled(x)[0].sum().backward()
gradients = [parameter.grad.clone() for parameter in rnn.parameters()]
rnn.zero_grad()
output, _ = rnn(x)
output.sum().backward()
torch.testing.assert_close(compiled(x)[0], output)
for gradient, parameter in zip(gradients, rnn.parameters()):
    torch.testing.assert_close(gradient, parameter.grad)
"""


def test_torch_compile_does_not_break_the_graph():
    """In a process of its own: the shape checker that the tests put around every function cannot be traced."""
    command = [sys.executable, "-c", COMPILE]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("n", [16, 64])
def test_it_keeps_the_norm_over_many_steps(n, generator):
    """100,000 linear steps in float64: no input, no bias."""
    given = arguments(n, 1, 100_000, 1, torch.float64, generator)
    given |= {"x": torch.zeros_like(given["x"]), "b": torch.zeros_like(given["b"])}
    _, last = fused.run_sequence(**given)
    drift = abs(last.norm() / given["h_0"].norm() - 1).item()
    assert drift <= 100_000 * torch.finfo(torch.float64).eps * 4  # a few roundings a step, all one way at worst


@pytest.mark.parametrize("n", [1, 2, 3, 6, 100])
def test_other_sizes_run_on_the_reference(n):
    assert not BACKENDS["cpu"].applies(n, "cpu")
    assert URNN(2, n).backend_in_use == "reference"


def test_asking_for_it_at_a_size_it_cannot_run_says_what_to_do():
    with pytest.raises(ValueError, match="backend 'cpu' cannot run hidden_size=6 on cpu; use backend='auto'"):
        URNN(2, 6, backend="cpu")(torch.randn(3, 1, 2))
