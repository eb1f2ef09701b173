"""Moments against their definition: full score tensors, and derivatives of the net taken by autograd."""

import itertools

import pytest
import torch

from urnn.spectral import AutoregressiveGaussian, QuadraticRNN
from urnn.spectral.data import gaussian_inputs
from urnn.spectral.moments import Batch, Curvature, Left, Mean, Recurrence, rows_of

RHO, LENGTH, SIZE, UNITS, SAMPLES = 0.4, 3, 3, 2, 7
SCORE = AutoregressiveGaussian(RHO)


def generator(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def net():
    return QuadraticRNN(SIZE, UNITS, 4, dtype=torch.float64).draw(0.3, generator(0))


@pytest.fixture
def batch(net):
    x = gaussian_inputs(LENGTH, SAMPLES, SIZE, RHO, generator(1)).transpose(1, 2)
    y = torch.randn(LENGTH, 4, SAMPLES, dtype=torch.float64, generator=generator(2))
    return Batch(x, y, (SCORE.precision(LENGTH) @ x.flatten(1)).view_as(x))


def samples_first(values):
    return values.permute(2, 0, 1)


def test_a_mean_of_batches_is_the_mean_of_all_with_its_error():
    values = torch.randn(1000, 2, dtype=torch.float64, generator=generator(3)) + 5
    mean = Mean()
    for part in values.split([10] * 50 + [20] * 25):
        mean.add(part.mean(0), len(part))
    torch.testing.assert_close(mean.value, values.mean(0))
    assert (
        (mean.error / (values.std(0) / 1000**0.5)) - 1
    ).abs().max() < 0.35  # of 75 batches: a deviation of 0.08


def test_steps_count_by_their_precision():
    mean = Mean()
    for sign in (-1.0, 1.0):
        mean.add(torch.tensor([[1.0 + 0.1 * sign], [5.0 + 0.3 * sign]], dtype=torch.float64), 10)
    value, error = mean.over_steps()
    # variances 0.01 and 0.09: weights 0.9 and 0.1
    assert value.item() == pytest.approx(0.9 * 1 + 0.1 * 5)
    assert error.item() == pytest.approx((0.81 * 0.01 + 0.01 * 0.09) ** 0.5)


def test_curvature_is_the_mean_with_the_whole_score(batch):
    curvature = Curvature(SCORE.precision(LENGTH), SIZE)
    curvature.add(batch, batch.y)
    found = curvature.pairs.matrix(curvature.mean.value)
    for t in range(LENGTH):
        score = SCORE(samples_first(batch.x), [t, t])
        wanted = torch.einsum("no,nij->oij", samples_first(batch.y)[:, t], score) / SAMPLES
        torch.testing.assert_close(found[t], wanted)


@pytest.mark.parametrize("offset", [-1, 1])
def test_recurrence_is_the_mean_with_the_whole_scores(net, batch, offset):
    A1 = net.A1.detach()
    side = Recurrence(SCORE.precision(LENGTH), A1, offset, fourth=True)
    hidden = batch.y[:, :UNITS]
    side.add(A1 @ batch.w, hidden)
    x, e = samples_first(batch.x), samples_first(hidden)
    steps = range(1, LENGTH) if offset == -1 else range(LENGTH - 1)
    for number, t in enumerate(steps):
        s = t + offset
        mixed = torch.einsum("ni,nabc,ia,lb,lc->il", e[:, t], SCORE(x, [t, s, s]), A1, A1, A1) / SAMPLES
        torch.testing.assert_close(side.mixed.value[number], mixed)
        whole = torch.einsum("ni,nabcd->iabcd", e[:, t], SCORE(x, [s] * 4)) / SAMPLES
        fourth = torch.einsum("iabcd,ja,jb,lc,ld->ijl", whole, *[A1] * 4)
        torch.testing.assert_close(side.pairs.matrix(side.quartic.value[number]), fourth)


def derivatives(net, steps):
    """Of every unit at step 2, by inputs at these steps, (k, m, ..., m); taken at 0, since they are constant."""
    x = torch.zeros(LENGTH, SIZE, dtype=torch.float64, requires_grad=True)
    found = torch.zeros(UNITS, *[SIZE] * len(steps), dtype=torch.float64)
    for unit, *features in itertools.product(range(UNITS), *[range(SIZE)] * len(steps)):
        value = net.hidden(x[:, None])[2, 0, unit]
        for place in zip(steps, features, strict=True):
            value = torch.autograd.grad(value, x, create_graph=True)[0][place]
        found[unit, *features] = value.detach()
    return found


def test_derivatives_of_the_net_give_its_recurrence_back(net):
    """What moments estimate, put in their place: U comes back exactly, by both ways."""
    net.requires_grad_(False)
    mixed, fourth = derivatives(net, [2, 1, 1]), derivatives(net, [1, 1, 1, 1])
    side = Recurrence(torch.eye(LENGTH, dtype=torch.float64), net.A1, -1, fourth=True)
    side.mixed.add(torch.einsum("iabc,ia,lb,lc->il", mixed, *[net.A1] * 3)[None], 1)
    along = torch.einsum("iabcd,ja,jb,lc,ld->ijl", fourth, *[net.A1] * 4)
    side.quartic.add(side.pairs.take(along)[None], 1)
    U, _ = side.matrix(None)
    torch.testing.assert_close(U, net.U)
    torch.testing.assert_close(rows_of(side.outer_products(), U), net.U)
    taken, _ = side.matrix(net.U)
    torch.testing.assert_close(taken, 2 * net.U)


def test_what_is_taken_out_of_the_outputs_is_put_back(net, batch):
    net.requires_grad_(False)
    exact = Batch(batch.x, net(batch.x.transpose(1, 2)).transpose(1, 2) + 3, batch.w)
    left = Left(net)
    assert left.of(exact).abs().max() < 1e-12  # nothing is left but the constant, which is centred
    assert left.squares.value < 1e-24
    curvature = Curvature(SCORE.precision(LENGTH), SIZE)
    curvature.add(exact, torch.zeros_like(exact.y))
    tensor, _ = curvature.tensor(net)
    torch.testing.assert_close(tensor, 2 * torch.einsum("ko,ki,kj->oij", net.A2, net.A1, net.A1))
