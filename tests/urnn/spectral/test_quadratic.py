"""The quadratic net against cases worked out by hand, and its generator against the statistics it states."""

import pytest
import torch

from urnn.spectral import QuadraticRNN, Sequences, errors
from urnn.spectral.data import gaussian_inputs


def filled(**values):
    net = QuadraticRNN(1, 1, 1, bidirectional="V" in values, dtype=torch.float64)
    with torch.no_grad():
        for name, value in values.items():
            getattr(net, name).copy_(torch.tensor(value))
    return net


def steps(*numbers):
    return torch.tensor(numbers, dtype=torch.float64).reshape(-1, 1, 1)


def test_three_steps_by_hand():
    net = filled(A1=[[2.0]], A2=[[10.0]], U=[[0.5]])
    # (2*1)^2 = 4, (2*-3 + 0.5*4)^2 = 16, (0 + 0.5*16)^2 = 64
    assert net.hidden(steps(1, -3, 0)).flatten().tolist() == [4, 16, 64]
    assert net(steps(1, -3, 0)).flatten().tolist() == [40, 160, 640]


def test_backward_units_read_from_the_end():
    net = filled(A1=[[2.0], [1.0]], A2=[[1.0], [100.0]], U=[[0.5]], V=[[-1.0]])
    # z_3 = 1, z_2 = (-3 - 1)^2 = 16, z_1 = (1 - 16)^2 = 225
    assert net.hidden(steps(1, -3, 1))[..., 1].flatten().tolist() == [225, 16, 1]
    assert net(steps(1, -3, 1)).flatten().tolist() == [22504, 1616, 200]


def test_rows_and_columns_of_several_units():
    net = QuadraticRNN(2, 2, 3, dtype=torch.float64)
    x = torch.randn(3, 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    h = torch.zeros(2, dtype=torch.float64)
    for t in range(3):
        read = [sum(net.A1[i, m] * x[t, 0, m] for m in range(2)) for i in range(2)]
        h = torch.stack([(read[i] + sum(net.U[i, j] * h[j] for j in range(2))) ** 2 for i in range(2)])
        y = torch.stack([sum(net.A2[i, o] * h[i] for i in range(2)) for o in range(3)])
        torch.testing.assert_close(net(x)[t, 0], y, rtol=1e-13, atol=0)


def test_drawn_values_have_the_norms_that_are_named():
    net = QuadraticRNN(6, 3, 5, bidirectional=True, dtype=torch.float64).draw(
        0.4, torch.Generator().manual_seed(0)
    )
    ones = torch.ones(6, dtype=torch.float64)
    torch.testing.assert_close(net.A1.norm(dim=1), ones)
    torch.testing.assert_close(net.A2.norm(dim=1), ones)
    for square in (net.U, net.V):
        assert torch.linalg.matrix_norm(square, 2).item() == pytest.approx(0.4)
    assert str(net) == "QuadraticRNN(6, 3, 5, bidirectional=True)"


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_inputs_have_unit_variance_and_the_stated_correlation(rho):
    x = gaussian_inputs(3, 4000, 5, rho, torch.Generator().manual_seed(1)).flatten(1)
    found = x @ x.T / x.shape[1]
    wanted = torch.tensor([[1, rho, rho**2], [rho, 1, rho], [rho**2, rho, 1]], dtype=torch.float64)
    assert (found - wanted).abs().max() < 5 * 2**0.5 / x.shape[1] ** 0.5


def test_every_walk_meets_the_same_sequences():
    data = Sequences(QuadraticRNN(2, 1, 2), samples=25, chunk=10, rho=0.3)
    assert [len(x) for x, _ in data] == [10, 10, 5]
    for one, other in zip(data.whole(), data.whole(), strict=True):
        assert one.equal(other)
    x, _ = data.whole()
    other, _ = Sequences(QuadraticRNN(2, 1, 2), samples=25, chunk=10, rho=0.3, seed=1).whole()
    assert len(torch.cat([x, other]).unique()) == 2 * x.numel()  # no chunk and no seed repeats another


def test_noise_and_shuffling_are_of_the_outputs():
    net = QuadraticRNN(2, 1, 2, dtype=torch.float64)
    x, y = Sequences(net, samples=2000, noise=0.0).whole()
    assert y.equal(net(x.transpose(0, 1)).transpose(0, 1))
    noisy_x, noisy = Sequences(net, samples=2000, noise=0.5).whole()
    assert noisy_x.equal(x)
    assert (noisy - y).std().item() == pytest.approx(0.5, rel=0.05)
    shuffled_x, shuffled = Sequences(net, samples=2000, noise=0.0, shuffled=True).whole()
    assert shuffled_x.equal(x)
    assert not shuffled.equal(y)
    assert shuffled.flatten().sort().values.equal(y.flatten().sort().values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"samples": 0}, "samples must be at least 1, got 0"),
        ({"length": 0}, "length must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"noise": -1.0}, "noise must be a finite number of at least 0, got -1"),
        ({"rho": 1.0}, r"rho must be above -1 and below 1, got 1\.0"),
    ],
)
def test_wrong_numbers_are_a_sentence(change, said):
    with pytest.raises(ValueError, match=said):
        Sequences(QuadraticRNN(2, 1, 2), **{"samples": 10, **change})


def test_a_wrong_input_is_a_sentence(as_a_user):
    net = QuadraticRNN(2, 1, 2)
    for shape in [(3, 4), (3, 4, 5), (0, 4, 2)]:
        with pytest.raises(ValueError, match=r"expected x \(T, B, 2\) of at least one time step, got \("):
            net(torch.zeros(shape))
    with pytest.raises(ValueError, match="hidden_size must be at least 1, got 0"):
        QuadraticRNN(2, 0, 2)


def test_errors_of_a_net_that_is_broken():
    """A training run that has diverged, or lost a unit, is as wrong as that, and no reason to end."""
    truth, lost, diverged = (QuadraticRNN(3, 2, 3) for _ in range(3))
    with torch.no_grad():
        lost.A1.zero_()
        diverged.A1.fill_(torch.nan)
    off = errors(lost, truth)
    assert abs(off.A1 - 1) < 1e-12
    assert torch.isnan(torch.tensor(errors(diverged, truth).A1))
