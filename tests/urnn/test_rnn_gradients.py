"""Gradients through whole sequences, where the formula is smooth and where it is not."""

import pytest
import torch
from torch.func import functional_call

from urnn import URNN
from urnn.unitary import to_complex

pytestmark = pytest.mark.slow

STACKED = {"hidden_size": 4, "num_layers": 2, "bidirectional": True, "preset": "released"}


def checked(rnn: URNN, x: torch.Tensor, h_0: torch.Tensor | None, fast_mode: bool = False) -> bool:
    """torch's finite differences with respect to the input, the first state and every parameter.

    Their step is 1e-6, so float64's eps leaves them accurate to about 1e-10; curvature takes some of the rest.
    In fast mode each input moves once, in a random direction, instead of number by number.
    """
    names = [name for name, _ in rnn.named_parameters()]

    def outputs(x, h_0, *parameters):
        return functional_call(rnn, dict(zip(names, parameters, strict=True)), (x, h_0))

    inputs = (x, h_0, *(p.detach().requires_grad_() for p in rnn.parameters()))
    return torch.autograd.gradcheck(outputs, inputs, atol=1e-7, rtol=1e-7, fast_mode=fast_mode)


def build(backend: str, device: str, bias: tuple[float, float], hidden_size: int = 4, **options) -> URNN:
    rnn = URNN(2, hidden_size, backend=backend, device=device, dtype=torch.float64, **options)
    with torch.no_grad():
        for layer in rnn.layers:
            layer.b.uniform_(*bias)
    return rnn


def leaf(*shape: int, device: str, dtype=torch.float64) -> torch.Tensor:
    return torch.randn(*shape, device=device, dtype=dtype).requires_grad_()


@pytest.mark.parametrize("given", [False, True], ids=["from zeros", "from a state"])
def test_gradients_are_those_of_finite_differences(given, backend, device):
    rnn = build(backend, device, (-0.2, 0.2))
    h_0 = leaf(1, 1, rnn.hidden_size, device=device, dtype=torch.complex128) if given else None
    assert checked(rnn, leaf(3, 1, 2, device=device), h_0)


def test_gradients_through_layers_and_directions_are_those_of_finite_differences(backend, device):
    """In fast mode, which has no need to tell hundreds of numbers apart: those of one layer are above."""
    rnn = build(backend, device, (-0.2, 0.2), **STACKED)
    h_0 = leaf(len(rnn.layers), 2, rnn.hidden_size, device=device, dtype=torch.complex128)
    assert checked(rnn, leaf(2, 2, 2, device=device), h_0, fast_mode=True)


def test_gradients_where_some_units_are_dead(backend, device):
    rnn = build(backend, device, (-0.2, 0.2))
    with torch.no_grad():
        rnn.layers[0].b[:2] = -100
    x, h_0 = leaf(2, 2, 2, device=device), leaf(1, 2, 4, device=device, dtype=torch.complex128)
    assert (rnn(x, h_0)[1][..., :2] == 0).all()
    assert checked(rnn, x, h_0)


def test_gradients_at_states_of_exactly_zero_where_the_formula_is_smooth(backend, device):
    """With b < 0 modReLU is 0 all around 0, so finite differences can say what the gradient is."""
    rnn = build(backend, device, (-0.3, -0.2))
    x = torch.zeros(2, 2, 2, device=device, dtype=torch.float64)
    x[:, 1] = torch.randn(2, 2)
    h_0 = torch.zeros(1, 2, 4, device=device, dtype=torch.complex128)
    assert checked(rnn, x.requires_grad_(), h_0.requires_grad_())


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("bias", [-0.1, 0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_states_of_exactly_zero_stay_zero_and_so_does_every_gradient(dtype, bias, preset, backend, device):
    rnn = URNN(3, 4, preset=preset, backend=backend, device=device, dtype=dtype)
    with torch.no_grad():
        rnn.layers[0].h_0.zero_()
        rnn.layers[0].b.fill_(bias)
    x = torch.zeros(5, 2, 3, device=device, dtype=dtype, requires_grad=True)
    output, h_n = rnn(x)
    assert torch.equal(output, torch.zeros_like(output))
    assert torch.equal(h_n, torch.zeros_like(h_n))
    (output * torch.randn_like(output)).sum().backward()
    for gradient in (x.grad, *(p.grad for p in rnn.parameters())):
        assert torch.equal(gradient, torch.zeros_like(gradient))


def test_a_sequence_of_zeros_adds_nothing_to_anothers_gradients(backend, device):
    rnn = build(backend, device, (-0.1, 0.1))
    x = torch.zeros(5, 2, 2, device=device, dtype=torch.float64)
    x[:, 1] = torch.randn(5, 2)
    h_0 = torch.zeros(1, 2, 4, device=device, dtype=torch.complex128)
    h_0[:, 1] = 0.5
    parameters = [p for name, p in rnn.named_parameters() if not name.endswith("h_0")]
    both = torch.autograd.grad(rnn(x, h_0)[0].square().sum(), parameters)
    alone = torch.autograd.grad(rnn(x[:, 1:], h_0[:, 1:])[0].square().sum(), parameters)
    for gradient, expected in zip(both, alone, strict=True):
        assert expected.abs().max() > 1e-3
        torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-12)


def test_units_all_dead_have_no_state_and_no_gradient(backend, device):
    rnn = build(backend, device, (-100.0, -99.0))
    x = leaf(5, 2, 2, device=device)
    output, _ = rnn(x)
    assert torch.equal(output, torch.zeros_like(output))
    output.sum().backward()
    for gradient in (x.grad, *(p.grad for p in rnn.parameters())):
        assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_every_parameter_of_every_layer_and_direction_learns(preset, backend, device):
    rnn = URNN(3, 4, 2, bidirectional=True, preset=preset, backend=backend, device=device)
    names = {name for name, _ in rnn.named_parameters()}
    assert names == {f"layers.{k}.{name}" for k in range(4) for name in ("W.theta", "W.v", "V", "b", "h_0")}
    output, _ = rnn(torch.randn(5, 2, 3, device=device))
    (output * torch.randn_like(output)).sum().backward()
    for name, parameter in rnn.named_parameters():
        assert parameter.grad.abs().min() > 0, name


def test_a_given_first_state_takes_the_gradient_and_the_learned_one_gets_none(backend, device):
    rnn = URNN(3, 4, backend=backend, device=device)
    h_0 = leaf(1, 2, 4, device=device, dtype=torch.complex64)
    rnn(torch.randn(5, 2, 3, device=device), h_0)[0].sum().backward()
    assert h_0.grad.abs().min() > 0
    assert rnn.layers[0].h_0.grad is None


def test_h_n_carries_gradients_as_the_output_does(backend, device):
    rnn = build(backend, device, (-0.1, 0.1))
    x = torch.randn(5, 2, 2, device=device, dtype=torch.float64)
    output, h_n = rnn(x)
    parameters = list(rnn.parameters())
    through_state = torch.autograd.grad(h_n.abs().square().sum(), parameters, retain_graph=True)
    through_output = torch.autograd.grad(to_complex(output[-1]).abs().square().sum(), parameters)
    torch.testing.assert_close(through_state, through_output, rtol=1e-12, atol=1e-12)


def test_the_gradients_norm_does_not_fade_over_time(backend, device):
    """Without bias h_T = W^T h_0 + ..., so dC/dh_0 is as long as dC/dh_T: what the uRNN is for."""
    steps = 500
    rnn = URNN(1, 16, backend=backend, device=device, dtype=torch.float64)
    h_0 = leaf(1, 1, 16, device=device, dtype=torch.complex128)
    _, h_n = rnn(torch.zeros(steps, 1, 1, device=device, dtype=torch.float64), h_0)
    at_the_end = torch.randn_like(h_n)
    (at_the_start,) = torch.autograd.grad(h_n, h_0, at_the_end)
    ratio = float(at_the_start.norm() / at_the_end.norm())
    # 7 factors and modReLU err by about 1 eps of the norm each, every step the same way at worst
    assert abs(ratio - 1) < 10 * steps * torch.finfo(torch.float64).eps
