"""Numbers far from 1: |z| far below b, which the state alone does not tell, and squares that overflow."""

import itertools

import pytest
import torch

from tests.urnn.parity import NAMES, call, cases
from urnn.backends import fused, reference

pytestmark = pytest.mark.slow

EXPONENTS, BIASES = range(1, 21), (1e-6, 1e-3, 0.1, 1.0, 5.0)
TINY = (0.0, -1e-18, 1e-18, 1e-12, 1e-9)
M = 3


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    if request.param == "cuda-on-a-host":
        request.getfixturevalue("cuda_on_a_host")
    return "cuda" if request.param == "cuda" else "cpu"


def arguments(n: int, batch: int, modulus: float, bias: float, epsilon: float, m: int = M) -> dict:
    """A first step whose z is `modulus` V_k, a product without a sum to round; then two steps of ordinary size."""
    generator = torch.Generator().manual_seed(n + batch)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).float().double()

    x = normal(3, batch, m)
    x[0] = modulus * torch.nn.functional.one_hot(torch.arange(batch) % m, m).double()
    # Away from zero, so that the smallest |V_k| does not add to what is asked.
    V = normal(2 * n, m)
    V += 0.3 * V.sign()
    return {
        "x": x.float().double() if modulus < 1e30 else x,
        "h_0": torch.zeros(batch, 2 * n).double(),
        "theta": normal(3, n),
        "v": normal(2, 2 * n),
        "permutation": torch.randperm(n, generator=generator),
        "V": V.float().double(),
        "b": bias * (1 + 0.1 * torch.rand(n, generator=generator)).double(),
        "epsilon": epsilon,
    }


def gradients(run_sequence, given: dict, dtype: torch.dtype, device: str = "cpu") -> dict[str, torch.Tensor]:
    given = {
        name: value.to(device, dtype if name in NAMES else value.dtype) if torch.is_tensor(value) else value
        for name, value in given.items()
    }
    leaves = {name: given[name].clone().requires_grad_() for name in NAMES}
    states, _ = call(run_sequence, **given | leaves)
    weights = torch.randn(states.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = torch.autograd.grad((states * weights.to(states)).sum(), list(leaves.values()))
    found = {name: gradient.double().cpu() for name, gradient in zip(NAMES, found, strict=True)}
    x = found.pop("x")
    return found | {"x, first step": x[0], "x, later": x[1:]}


def error(found: torch.Tensor, exact: torch.Tensor) -> float:
    """As a share of the largest value; infinite for NaN."""
    largest = exact.abs().max().clamp(min=torch.finfo(exact.dtype).tiny)
    return ((found - exact).abs().max() / largest).nan_to_num(nan=float("inf")).item()


PAPER, RELEASED = 0.0, 1e-5  # epsilon
CUTS = [(16, 2, M), (64, 1, M), (64, 20, M), (64, 17, 20), (256, 1, M)]


@pytest.mark.parametrize(
    ("device", "n", "batch", "m", "epsilon"),
    cases(
        every=[(*cut, epsilon) for cut in CUTS for epsilon in (PAPER, RELEASED)],
        on_a_host=[*((*cut, PAPER) for cut in CUTS), (16, 2, M, RELEASED)],
    ),
    indirect=["device"],
)
def test_gradients_are_the_references(device, n, batch, m, epsilon, request):
    """Every modulus and bias once; some for each cut of the batch, and for each on a slow host."""
    every = n == 16 and not epsilon
    exponents, biases = (EXPONENTS, BIASES + TINY) if every else (EXPONENTS[1::3], BIASES[::2] + TINY[::4])
    if "cuda-on-a-host" in request.node.name:
        # With a positive epsilon |h| is far below |z|, so that more of them have squares too small to hold.
        exponents = [3, 6, 9, 12, *EXPONENTS[12:]] if epsilon else EXPONENTS[2::6]
        biases = (BIASES if epsilon else BIASES[1::3]) + TINY[::4]
    checked = 0
    for exponent, bias in itertools.product(exponents, biases):
        given = arguments(n, batch, 10.0**-exponent, bias, epsilon, m)
        exact = gradients(reference.run_sequence, given, torch.float64)
        rounded = gradients(reference.run_sequence, given, torch.float32)
        for dtype, bound in ((torch.float32, 1e-4), (torch.float64, 1e-9)):
            found = gradients(fused.run_sequence, given, dtype, device)
            for name, expected in exact.items():
                if error(rounded[name], expected) < 1e-4:
                    off = error(found[name], expected)
                    assert off < bound, f"{name}: {off:.1e} at |z| = 1e-{exponent}, b = {bias}, {dtype}"
                    checked += 1
    # Below 1e-19 z counts as 0 in float32; above, nearly everything can be compared.
    assert checked > 0.8 * 2 * 7 * len(exponents) * len(biases)


@pytest.mark.parametrize(
    ("device", "n", "batch"), cases(every=[(16, 2), (64, 1), (64, 20)], on_a_host=[(16, 2)]), indirect=["device"]
)
def test_gradients_of_a_state_as_long_as_its_negative_bias(device, n, batch):
    """|z| = -2 b, so that |h|^2 - b^2 is zero or all rounding."""
    given = arguments(n, batch, 1.0, 1.0, PAPER)
    given["V"][n + n // 2 :, 0] = 0  # half of the units with a real z, whose square is exact more often
    given["V"][: n // 4, 0] = 1
    given["b"] = -torch.complex(*given["V"][:, 0].chunk(2)).abs().float().double() / 2
    exact = gradients(reference.run_sequence, given, torch.float64)
    for dtype, bound in ((torch.float32, 1e-4), (torch.float64, 1e-9)):
        for name, found in gradients(fused.run_sequence, given, dtype, device).items():
            assert error(found, exact[name]) < bound, name


@pytest.mark.parametrize(
    ("device", "n", "batch", "epsilon"),
    cases(every=[(16, 24, PAPER), (16, 24, 1e-30)], on_a_host=[(16, 24, PAPER), (16, 24, 1e-30)]),
    indirect=["device"],
)
@pytest.mark.parametrize("bias", [0.0, -1e-26, 5e-18])
def test_gradients_of_the_smallest_states_that_have_any(device, n, batch, epsilon, bias):
    """|z|^2 just above the smallest normal number, so that rounding makes other squares subnormal."""
    given = arguments(n, batch, 1.0, bias, epsilon)
    given["V"][:n, 0], given["V"][n:, 0] = 1, 0
    roundings = torch.finfo(torch.float32).eps * torch.arange(1, batch + 1).double()
    given["x"][0] = 0
    given["x"][0, :, 0] = torch.finfo(torch.float32).tiny ** 0.5 * (1 + roundings)
    exact = gradients(reference.run_sequence, given, torch.float64)
    for name, found in gradients(fused.run_sequence, given, torch.float32, device).items():
        assert error(found, exact[name]) < 1e-4, name


HUGE = [(torch.float32, 8e18), (torch.float32, 1e25), (torch.float64, 1e200)]


@pytest.mark.parametrize("bias", [0.5, 1e-6, 1.0, 1e5, -0.5])
@pytest.mark.parametrize(
    ("device", "n", "batch", "epsilon", "dtype", "modulus"),
    cases(
        every=[
            (*cut, epsilon, *huge)
            for cut in [(16, 2), (64, 1), (64, 20)]
            for epsilon in (PAPER, RELEASED)
            for huge in HUGE
        ],
        on_a_host=[
            (*cut, epsilon, *huge)
            for cut, epsilon in [((16, 2), PAPER), ((16, 2), RELEASED), ((64, 20), PAPER)]
            for huge in HUGE
        ],
    ),
    indirect=["device"],
    ids=str,
)
def test_states_whose_square_overflows_are_those_of_the_reference(device, n, batch, epsilon, dtype, modulus, bias):
    """Whether b is nothing beside such a modulus or as large."""
    given = arguments(n, batch, modulus, bias if bias == 0.5 else bias * modulus, epsilon)
    given = {name: value.to(device) if torch.is_tensor(value) else value for name, value in given.items()}
    typed = {name: given[name].to(dtype) for name in NAMES}
    states, last = call(fused.run_sequence, **given | typed)
    exact, exact_last = call(reference.run_sequence, **given)
    for found, expected in ((states, exact), (last, exact_last)):
        assert torch.isfinite(found).all()
        assert error(found.double().cpu(), expected.cpu()) < 8 * n * 3 * torch.finfo(dtype).eps

    found = gradients(fused.run_sequence, given, dtype, device)
    for name, expected in gradients(reference.run_sequence, given, torch.float64).items():
        assert error(found[name], expected) < 8 * n * 3 * torch.finfo(dtype).eps, name
