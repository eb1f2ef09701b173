"""The orthogonal maps against torch's own: values, derivatives, state dicts, and how orthogonal they are."""

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.utils.parametrizations import orthogonal

from urnn.baselines.orthogonal_maps import ORTHOGONAL_MAPS, exponential, parametrize_orthogonally, reflected

DOUBLE = torch.float64
OWN = ["matrix_exp", "householder"]


def skew(n: int, scale: float, generator: torch.Generator, dtype: torch.dtype = DOUBLE) -> Tensor:
    below = torch.randn(n, n, generator=generator, dtype=DOUBLE).tril(-1) * scale
    return (below - below.mT).to(dtype)


def distance_from_orthogonal(Q: Tensor) -> float:
    return float((Q.mT @ Q - torch.eye(len(Q), dtype=Q.dtype)).abs().max())


def torchs_reflected(A: Tensor) -> Tensor:
    below = A.tril(-1)
    return torch.linalg.householder_product(below, 2 / (1 + below.square().sum(0)))


@pytest.mark.parametrize("scale", [0, 1e-3, 0.1, 1, 5, 100])
@pytest.mark.parametrize("n", [1, 2, 9, 64])
def test_the_exponential_is_torchs(n, scale, generator):
    A = skew(n, scale, generator)
    found, norm = exponential(A), float(torch.linalg.matrix_norm(A, 2))
    # a squaring doubles the errors, and there are as many as halve the norm
    bound = 10 * n * max(norm, 1) * torch.finfo(DOUBLE).eps
    torch.testing.assert_close(found, torch.linalg.matrix_exp(A), rtol=0, atol=bound)
    assert distance_from_orthogonal(found) <= bound
    in_float32 = bound / torch.finfo(DOUBLE).eps * torch.finfo(torch.float32).eps
    assert distance_from_orthogonal(exponential(A.float())) <= in_float32


def test_the_exponential_of_a_turn_is_the_turn():
    for angle in (0.0, 1e-9, 0.5, 3.0, 40.0):
        turn = torch.tensor([[0, -angle], [angle, 0]], dtype=DOUBLE)
        cos, sin = torch.tensor(angle, dtype=DOUBLE).cos(), torch.tensor(angle, dtype=DOUBLE).sin()
        torch.testing.assert_close(
            exponential(turn), torch.stack([cos, -sin, sin, cos]).view(2, 2), rtol=0, atol=1e-13
        )


@pytest.mark.parametrize("scale", [0, 1e-3, 0.1, 1, 100])
@pytest.mark.parametrize("n", [1, 2, 9, 64])
def test_reflections_are_torchs(n, scale, generator):
    A = torch.randn(n, n, generator=generator, dtype=DOUBLE) * scale
    bound = 10 * n * torch.finfo(DOUBLE).eps
    torch.testing.assert_close(reflected(A), torchs_reflected(A), rtol=0, atol=bound)
    assert distance_from_orthogonal(reflected(A)) <= bound
    assert distance_from_orthogonal(reflected(A.float())) <= 10 * n * torch.finfo(torch.float32).eps


@pytest.mark.parametrize("scale", [0, 0.3, 2])
def test_their_derivatives_are_right(scale, generator):
    X = (torch.randn(4, 4, generator=generator, dtype=DOUBLE) * scale).requires_grad_()
    assert torch.autograd.gradcheck(lambda X: exponential(X.tril(-1) - X.tril(-1).mT), X)
    assert torch.autograd.gradcheck(reflected, X)


@pytest.mark.parametrize("scale", [0, 0.1, 1])
@pytest.mark.parametrize(
    ("own", "torchs"), [(exponential, torch.linalg.matrix_exp), (reflected, torchs_reflected)]
)
def test_their_derivatives_are_torchs(own, torchs, scale, generator):
    A = skew(40, scale, generator)
    weights = torch.randn(40, 40, generator=generator, dtype=DOUBLE)
    A.requires_grad_()
    found, expected = (torch.autograd.grad((run(A) * weights).sum(), A)[0] for run in (own, torchs))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("orthogonal_map", ORTHOGONAL_MAPS)
def test_a_state_dict_is_torchs(orthogonal_map, generator):
    own, torchs = (nn.Linear(6, 6, bias=False, dtype=DOUBLE) for _ in range(2))
    parametrize_orthogonally(own, orthogonal_map)
    orthogonal(torchs, orthogonal_map=orthogonal_map)
    assert own.state_dict().keys() == torchs.state_dict().keys()
    with torch.no_grad():
        torchs.parametrizations.weight.original.add_(torch.randn(6, 6, generator=generator, dtype=DOUBLE) * 0.3)
    own.load_state_dict(torchs.state_dict())
    torch.testing.assert_close(own.weight, torchs.weight, rtol=0, atol=1e-14)


@pytest.mark.parametrize("orthogonal_map", OWN)
def test_a_matrix_that_is_assigned_is_kept_and_made_orthogonal_if_it_is_not(orthogonal_map, generator):
    linear = nn.Linear(5, 5, bias=False, dtype=DOUBLE)
    parametrize_orthogonally(linear, orthogonal_map)
    drawn = torch.randn(5, 5, generator=generator, dtype=DOUBLE)
    Q = torch.linalg.qr(drawn)[0]
    linear.weight = Q
    torch.testing.assert_close(linear.weight.detach(), Q, rtol=0, atol=1e-14)
    linear.weight = drawn
    assert distance_from_orthogonal(linear.weight.detach()) <= 50 * torch.finfo(DOUBLE).eps


def test_what_is_not_finite_stays_visible():
    for poison in (float("nan"), float("inf")):
        A = torch.zeros(3, 3)
        A[1, 0], A[0, 1] = poison, -poison
        assert not exponential(A).isfinite().all()
        assert not reflected(A).isfinite().all()


@pytest.mark.parametrize("orthogonal_map", OWN)
def test_autocast_leaves_them_orthogonal(orthogonal_map):
    linear = nn.Linear(16, 16, bias=False)
    parametrize_orthogonally(linear, orthogonal_map)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weight = linear.weight.detach()
    assert distance_from_orthogonal(weight) <= 10 * 16 * torch.finfo(torch.float32).eps


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("orthogonal_map", ORTHOGONAL_MAPS)
def test_transforms_see_through_them(orthogonal_map, generator):
    linear, x = nn.Linear(4, 4, bias=False, dtype=DOUBLE), torch.eye(4, dtype=DOUBLE)
    parametrize_orthogonally(linear, orthogonal_map)
    name = "parametrizations.weight.original"
    moves = torch.randn(3, 4, 4, generator=generator, dtype=DOUBLE).tril(-1)
    several = linear.get_parameter(name).detach() + moves
    mapped = vmap(lambda X: functional_call(linear, {name: X}, (x,)))(several)
    for X, found in zip(several, mapped, strict=True):
        torch.testing.assert_close(found, functional_call(linear, {name: X}, (x,)), rtol=0, atol=1e-13)


def test_an_unknown_map_is_refused():
    with pytest.raises(ValueError, match=r"^orthogonal_map must be one of \('matrix_exp', .*, got 'givens'$"):
        parametrize_orthogonally(nn.Linear(3, 3), "givens")
