"""A tensor's components: exact ones come back, noisy ones within the errors that are stated for them."""

import pytest
import torch

from urnn.spectral.decomposition import Symmetric, _Fit, decompose


def made_up(size, rank, outputs, seed=0):
    generator = torch.Generator().manual_seed(seed)
    A1 = torch.randn(rank, size, dtype=torch.float64, generator=generator)
    A1 /= A1.norm(dim=1, keepdim=True)
    A2 = torch.randn(rank, outputs, dtype=torch.float64, generator=generator)
    return A1, A2, tensor_of(A1, A2)


def tensor_of(A1, A2):
    return 2 * torch.einsum("ko,ki,kj->oij", A2, A1, A1)


def angles(found, A1):
    """Between each true row and the nearest that was found."""
    return (found.A1 @ A1.T).abs().max(0).values.clamp(max=1).acos()


def noise_like(tensor, size, seed):
    noise = torch.randn(tensor.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return size * Symmetric(tensor.shape[1]).matrix(Symmetric(tensor.shape[1]).take(noise))


@pytest.mark.parametrize(("size", "rank", "outputs"), [(6, 3, 6), (3, 3, 3), (5, 2, 2), (3, 5, 8), (4, 1, 1)])
def test_exact_components_come_back(size, rank, outputs):
    A1, _, tensor = made_up(size, rank, outputs)
    found = decompose(tensor, rank)
    assert found.residual < 1e-6
    assert angles(found, A1).max() < 1e-4
    torch.testing.assert_close(tensor_of(found.A1, found.A2), tensor, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.A1.norm(dim=1), torch.ones(rank, dtype=torch.float64))
    norms = found.A2.norm(dim=1)
    assert norms.equal(norms.sort(descending=True).values)


def test_errors_and_misfit_are_those_of_many_repetitions():
    A1, A2, tensor = made_up(4, 2, 4, seed=1)
    errors = 0.02 * (1 + torch.arange(4, dtype=torch.float64))[:, None, None].expand_as(tensor)
    measured, stated, misfits = [], [], []
    for seed in range(40):
        found = decompose(tensor + errors * noise_like(tensor, 1, seed), 2, errors=errors, near=(A1, A2))
        measured.append(angles(found, A1).square().mean())
        stated.append(found.errors.square().mean())
        misfits.append(found.misfit**2)
    # chi-square of 40 times some 3 free angles: its relative deviation is about 0.13
    assert torch.stack(measured).mean() / torch.stack(stated).mean() == pytest.approx(1, abs=0.4)
    assert sum(misfits) / 40 == pytest.approx(1, abs=0.15)


def test_entries_count_by_their_errors():
    A1, _, tensor = made_up(4, 2, 4, seed=2)
    errors = torch.full_like(tensor, 0.001)
    errors[0] = 1.0  # an output that is nothing but noise
    noisy = tensor + errors * noise_like(tensor, 1, 0)
    weighted = decompose(noisy, 2, errors=errors)
    assert angles(weighted, A1).max() < 0.01 < angles(decompose(noisy, 2), A1).max()


def test_parallel_components_have_large_errors():
    A1 = torch.tensor([[1.0, 0, 0], [1.0, 0.01, 0]], dtype=torch.float64)
    tensor = tensor_of(A1 / A1.norm(dim=1, keepdim=True), torch.tensor([[1.0, 0, 0], [0.9, 0.1, 0]]).double())
    errors = torch.full_like(tensor, 0.01)
    found = decompose(tensor + noise_like(tensor, 0.01, 0), 2, errors=errors)
    assert found.errors.max() > 0.3


def test_a_start_keeps_order_and_signs():
    A1, A2, tensor = made_up(4, 3, 4, seed=3)
    near = (-A1.flip(0) + 0.01, A2.flip(0))
    found = decompose(tensor, 3, near=near)
    torch.testing.assert_close(found.A1, -A1.flip(0), rtol=0, atol=1e-5)
    torch.testing.assert_close(found.A2, A2.flip(0), rtol=0, atol=1e-5)


def test_the_derivative_is_that_of_the_fit():
    A1, A2, tensor = made_up(3, 2, 4, seed=4)
    fit = _Fit(tensor, 0.5 + tensor.abs())
    at = torch.cat([A1.flatten(), A2.flatten()])

    def left(point):
        return fit.left((point[:6].view(2, 3), point[6:].view(2, 4))).flatten()

    wanted = -torch.autograd.functional.jacobian(left, at)
    torch.testing.assert_close(fit.jacobian((A1, A2))[:-2], wanted)
