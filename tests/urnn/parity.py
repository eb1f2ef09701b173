"""A fused kernel held against the reference in float64: every output and gradient, to a few n * eps a step."""

import pytest
import torch
from torch import Tensor

from tests.urnn.conftest import needs_cuda
from urnn.backends import reference
from urnn.backends.contract import Parameters, RunSequence
from urnn.backends.cpu import build as cpu_build

NAMES = ("x", "h_0", "theta", "v", "V", "b")
OF_THE_LAYER = tuple(name for name in NAMES if name != "x")  # what has a gradient where the input is data


needs_compiler = pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")


def cases(every: list[tuple], on_a_host: list[tuple]) -> list:
    """Rows of a kernel and a case: every one for a kernel at full speed, fewer for one that takes seconds."""
    return [
        *(pytest.param("cpu", *case, marks=needs_compiler) for case in every),
        *(pytest.param("cuda-on-a-host", *case, marks=(needs_compiler, pytest.mark.slow)) for case in on_a_host),
        *(pytest.param("cuda", *case, marks=needs_cuda) for case in every),
    ]


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


def call(run_sequence: RunSequence, x: Tensor, h_0: Tensor, **parameters: Tensor | float) -> tuple[Tensor, Tensor]:
    """`run_sequence` with the tensors of `arguments`, by name."""
    return run_sequence(x, h_0, Parameters(**parameters))


def run(
    run_sequence,
    given: dict,
    weights: tuple[torch.Tensor, torch.Tensor],
    dtype: torch.dtype,
    names: tuple[str, ...] = NAMES,
):
    """(states, last, gradient of each of `names`) of a loss that reads every state and the last one once more."""
    given = {key: value.to(dtype) if key in NAMES else value for key, value in given.items()}
    for name in names:
        given[name] = given[name].detach().clone().requires_grad_()
    states, last = call(run_sequence, **given)
    loss = (states * weights[0].to(dtype)).sum() + (last * weights[1].to(dtype)).sum()
    return states, last, torch.autograd.grad(loss, [given[name] for name in names])


def error_of(actual: torch.Tensor, exact: torch.Tensor) -> float:
    """Largest error as a share of the largest value."""
    scale = max(exact.abs().max().item(), torch.finfo(torch.float32).tiny)
    return (actual.detach().double() - exact.detach()).abs().max().item() / scale


def values_of(result) -> tuple[torch.Tensor, ...]:
    states, last, gradients = result
    return states, last, *gradients


def sensitivity(
    given: dict, weights: tuple[torch.Tensor, torch.Tensor], dtype: torch.dtype, names: tuple[str, ...]
) -> list[float]:
    """How far the reference itself moves, value by value, when every input is off by one rounding."""
    signs = torch.Generator().manual_seed(2)
    moved = dict(given)
    for name in NAMES:
        sign = torch.randint(0, 2, given[name].shape, generator=signs).double() * 2 - 1
        moved[name] = given[name] * (1 + sign * torch.finfo(dtype).eps)
    pair = [
        values_of(run(reference.run_sequence, inputs, weights, torch.float64, names)) for inputs in (moved, given)
    ]
    return [error_of(value, exact) for value, exact in zip(*pair, strict=True)]


def assert_equals_reference(
    run_sequence: RunSequence, given: dict, dtype: torch.dtype, names: tuple[str, ...] = NAMES
) -> None:
    steps, batch, _ = given["x"].shape
    n = given["b"].shape[0]
    generator = torch.Generator().manual_seed(1)
    weights = (
        torch.randn(steps, batch, 2 * n, generator=generator, dtype=torch.float64),
        torch.randn(batch, 2 * n, generator=generator, dtype=torch.float64),
    )
    exact = values_of(run(reference.run_sequence, given, weights, torch.float64, names))
    actual = values_of(run(run_sequence, given, weights, dtype, names))
    assert all(value.dtype == dtype for value in actual)
    errors = [error_of(value, expected) for value, expected in zip(actual, exact, strict=True)]
    # A step adds a few roundings to each number; n and the steps add up.
    bounds = [8 * torch.finfo(dtype).eps * max(n, 16) * steps] * len(errors)
    if max(errors) > bounds[0]:
        # 1/|z| spreads the roundings of a small state, in the reference as much: no more than n of its inputs'.
        moved = sensitivity(given, weights, dtype, names)
        bounds = [bound + n * by for bound, by in zip(bounds, moved, strict=True)]
    for error, bound in zip(errors, bounds, strict=True):
        assert error <= bound, f"error {error:.2e} of the largest value, bound {bound:.2e}"
