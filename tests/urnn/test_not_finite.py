"""NaN and infinity are passed on, on every backend: a fault in the data must reach the loss."""

import pytest
import torch

from urnn import URNN

POISONS = [float("nan"), float("inf"), float("-inf")]


@pytest.fixture(params=["paper", "released"])
def rnn(request: pytest.FixtureRequest, backend: str, device: str) -> URNN:
    return URNN(3, 8, preset=request.param, backend=backend, device=device)


def finite(rnn: URNN, x: torch.Tensor, h_0: torch.Tensor | None = None) -> torch.Tensor:
    """Of each step and sample, whether all of its output is a number; the same for the last state."""
    output, h_n = rnn(x, h_0)
    found = torch.isfinite(output)
    assert (found.all(-1) == found.any(-1)).all(), "a step is finite or it is not"
    assert torch.equal(torch.isfinite(torch.view_as_real(h_n[0])).flatten(1).all(-1), found[-1].all(-1))
    return found.all(-1).cpu()


@pytest.mark.parametrize("poison", POISONS)
def test_of_the_input_reaches_every_later_state_of_its_sample(rnn, poison, device):
    x = torch.randn(4, 3, 3, device=device)
    x[1, 2, 0] = poison
    expected = torch.ones(4, 3, dtype=torch.bool)
    # At its own step every unit takes a multiple of x; from then on the transforms mix all units.
    expected[1:, 2] = False
    assert torch.equal(finite(rnn, x), expected)


@pytest.mark.parametrize("poison", POISONS)
def test_of_the_first_state_reaches_every_state_of_its_sample(rnn, poison, device):
    h_0 = torch.randn(1, 3, 8, dtype=torch.complex64, device=device)
    h_0[0, 1, 5] = complex(0, poison)
    expected = torch.ones(4, 3, dtype=torch.bool)
    expected[:, 1] = False
    assert torch.equal(finite(rnn, torch.randn(4, 3, 3, device=device), h_0), expected)


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("name", ["W.theta", "W.v", "V"])
def test_of_a_parameter_reaches_every_state_and_its_own_gradient(rnn, name, poison, device):
    parameter = rnn.layers[0].get_parameter(name)
    with torch.no_grad():
        parameter.view(-1)[1] = poison
    output, _ = rnn(torch.randn(4, 3, 3, device=device))
    assert not torch.isfinite(output[1:]).any()
    output.sum().backward()
    assert not torch.isfinite(parameter.grad.view(-1)[1])


def test_a_reflection_vector_of_zeros_gives_nan(rnn, device):
    """v = 0 names no direction, and what is not defined must not look like a state."""
    with torch.no_grad():
        rnn.layers[0].W.v[0] = 0
    assert torch.isnan(rnn.layers[0].W.dense()).all()
    output, _ = rnn(torch.randn(4, 3, 3, device=device))
    assert torch.isnan(output).all()


def test_a_training_step_on_damaged_data_has_a_loss_that_shows_it(rnn, device):
    x = torch.randn(4, 3, 3, device=device)
    x[2, 0, 1] = float("nan")
    loss = rnn(x)[0].square().mean()
    loss.backward()
    assert torch.isnan(loss)
    assert all(torch.isnan(parameter.grad).any() for parameter in rnn.parameters())
