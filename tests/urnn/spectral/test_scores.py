"""Score functions against automatic derivatives of the density itself: S_m = (-1)^m grad^m p / p."""

import itertools

import pytest
import torch

from urnn.spectral import AutoregressiveGaussian, Gaussian, IndependentGaussian
from urnn.spectral.data import gaussian_inputs

LENGTH, SIZE, RHO = 3, 2, 0.4
SCORES = {
    "independent": IndependentGaussian(),
    "autoregressive": AutoregressiveGaussian(RHO),
    "any": Gaussian(torch.tensor([[1.0, 0.3, 0.1], [0.3, 2.0, -0.5], [0.1, -0.5, 1.5]])),
}


def densities():
    """p(x), written down step by step, for x (T, m)."""
    covariance = SCORES["any"].covariance

    def independent(x):
        return torch.exp(-x.square().sum() / 2)

    def autoregressive(x):
        moves = x[1:] - RHO * x[:-1]
        return torch.exp(-x[0].square().sum() / 2 - moves.square().sum() / (2 * (1 - RHO**2)))

    def any_one(x):
        return torch.exp(-(x * torch.linalg.solve(covariance, x)).sum() / 2)

    return {"independent": independent, "autoregressive": autoregressive, "any": any_one}


def derivative(density, x, at):
    """d^m p / dx[at[0]] ... dx[at[m-1]], each place a step and a feature."""
    x = x.clone().requires_grad_()
    value = density(x)
    for place in at:
        (gradient,) = torch.autograd.grad(value, x, create_graph=True)
        value = gradient[place]
    return value.detach()


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize(
    "steps", [[0], [1], [2], [1, 1], [1, 0], [1, 0, 0], [1, 2, 2], [0, 1, 2], [1] * 4, [0, 0, 1, 1]], ids=str
)
def test_scores_are_derivatives_of_the_density(kind, steps):
    x = torch.randn(LENGTH, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    density = densities()[kind]
    found = SCORES[kind](x[None], steps)[0]
    assert found.shape == (SIZE,) * len(steps)
    for features in itertools.product(range(SIZE), repeat=len(steps)):
        at = list(zip(steps, features, strict=True))
        wanted = (-1) ** len(steps) * derivative(density, x, at) / density(x)
        torch.testing.assert_close(found[features], wanted, rtol=1e-11, atol=1e-11)


def test_the_precision_is_the_inverse_of_the_covariance():
    steps = torch.arange(5)
    covariance = 0.7 ** (steps[:, None] - steps).abs().double()
    torch.testing.assert_close(AutoregressiveGaussian(0.7).precision(5), torch.linalg.inv(covariance))
    assert AutoregressiveGaussian(0.7).precision(1).tolist() == [[1.0]]


def test_the_interior_score_is_the_published_one():
    x = gaussian_inputs(3, 4, 2, RHO, torch.Generator().manual_seed(2)).transpose(0, 1)
    s2 = 1 - RHO**2
    before, now, after = x.unbind(1)
    wanted = (now - RHO * before) / s2 - RHO * (after - RHO * now) / s2
    torch.testing.assert_close(AutoregressiveGaussian(RHO)(x, [1]), wanted)


def test_score_matching_finds_the_covariance():
    x = gaussian_inputs(3, 20000, 4, 0.5, torch.Generator().manual_seed(3)).transpose(0, 1)
    wanted = torch.tensor([[1, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 1]], dtype=torch.float64)
    assert (Gaussian.matched(x).covariance - wanted).abs().max() < 5 * (2 / 80000) ** 0.5


def test_wrong_scores_are_a_sentence(as_a_user):
    with pytest.raises(ValueError, match=r"symmetric matrix of T rows and columns, got \(2, 3\)"):
        Gaussian(torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"got \(2, 2\) that is not symmetric"):
        Gaussian(torch.tensor([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="positive definite, and has an eigenvalue of 0 or below"):
        Gaussian(torch.ones(2, 2))
    with pytest.raises(ValueError, match="sequences of 2 time steps, got 3"):
        Gaussian(torch.eye(2))(torch.zeros(1, 3, 1), [0])
    with pytest.raises(ValueError, match="rho must be above -1 and below 1, got -1"):
        AutoregressiveGaussian(-1)
