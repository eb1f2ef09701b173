"""A loop over a `URNN`'s steps with gradients: the general way's states and gradients, whoever watches."""

from unittest import mock

import pytest
import torch

from urnn import URNN, streaming
from urnn.backends.cpu import build

pytestmark = pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler on this machine")

M, N, T, B = 3, 64, 4, 5


def layer(m: int = M, n: int = N, **options) -> URNN:
    rnn = URNN(m, n, **options)
    build.functions(rnn.layers[0].V.dtype)
    return rnn


def loop(rnn: URNN, x: torch.Tensor, h: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    outputs = []
    for x_t in x:
        x_t = x_t.unsqueeze(-2 if rnn.batch_first else 0)
        output, h = rnn(x_t, h)
        outputs.append(output)
    return torch.stack(outputs), h


def gradients(rnn: URNN, x: torch.Tensor, h: torch.Tensor | None, by_output: bool, by_state: bool) -> list:
    """Of the input, the state and the parameters, behind the states."""
    x = x.clone().requires_grad_()
    h = None if h is None else h.clone().requires_grad_()
    output, last = loop(rnn, x, h)
    loss = torch.zeros((), dtype=x.dtype)
    if by_output:
        loss = loss + (output * torch.linspace(-1, 1, output.numel(), dtype=x.dtype).view(output.shape)).sum()
    if by_state:
        loss = loss + last.real.sum() - 0.3 * last.imag.sum()
    wanted = [p for name, p in rnn.named_parameters() if h is None or "h_0" not in name]
    return [output, last, *torch.autograd.grad(loss, [x, *([] if h is None else [h]), *wanted])]


def assert_is_the_general_way(rnn: URNN, x: torch.Tensor, h: torch.Tensor | None, **of: bool) -> None:
    of = {"by_output": True, "by_state": True, **of}
    found = gradients(rnn, x, h, **of)
    with mock.patch.object(streaming, "call", return_value=None):
        expected = gradients(rnn, x, h, **of)
    for number, (a, b) in enumerate(zip(found, expected, strict=True)):
        scale = max(1.0, float(b.detach().abs().max()))
        bound = 0 if number < 2 else 50 * torch.finfo(x.dtype).eps * scale
        torch.testing.assert_close(a, b, rtol=0, atol=bound)


def state(*shape: int, dtype: torch.dtype = torch.complex64) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype)


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_a_loop_has_the_general_ways_gradients(preset, dtype, with_state, batch_first):
    for m, n, layers, batch in ((M, N, 1, 1), (17, N, 2, B), (M, 4, 2, 21), (M, 50, 1, B)):
        rnn = layer(m, n, num_layers=layers, preset=preset, dtype=dtype, batch_first=batch_first)
        x = torch.randn(T, batch, m, dtype=dtype)
        h = state(layers, batch, n, dtype=dtype.to_complex()) if with_state else None
        one = x[0].unsqueeze(1 if batch_first else 0)
        assert streaming.call(rnn, one, h)[0].requires_grad
        assert_is_the_general_way(rnn, x, h)


def test_gradients_of_the_output_or_the_state_alone():
    rnn, x, h = layer(), torch.randn(T, B, M), state(1, B, N)
    assert_is_the_general_way(rnn, x, h, by_state=False)
    assert_is_the_general_way(rnn, x, h, by_output=False)
    assert_is_the_general_way(rnn, x, None, by_output=False)


def test_views_of_any_strides():
    x, rnn = torch.randn(T, 2 * B, M + 1)[:, ::2, 1:], layer()
    for h in (state(1, N, B).mT, state(1, B, N).conj(), state(1, 1, N).expand(1, B, N)):
        assert streaming.call(rnn, x[:1], h) is not None
        assert_is_the_general_way(rnn, x, h)


def test_without_a_batch():
    rnn, x, h = layer(), torch.randn(1, M).requires_grad_(), state(1, N)
    output, last = streaming.call(rnn, x, h)
    (found,) = torch.autograd.grad(output.sum() + last.real.sum(), x)
    with mock.patch.object(streaming, "call", return_value=None):
        output, last = rnn(x, h)
    torch.testing.assert_close(found, torch.autograd.grad(output.sum() + last.real.sum(), x)[0])


def test_many_steps_dropout_and_modes_take_the_general_way():
    rnn, x, h = layer(num_layers=2, dropout=0.5), torch.randn(1, B, M), state(2, B, N)
    assert streaming.call(rnn, x, h) is None
    rnn.eval()
    assert streaming.call(rnn, x, h) is not None
    assert streaming.call(rnn, x.repeat(2, 1, 1), h) is None
    with torch.autograd.forward_ad.dual_level():
        assert streaming.call(rnn, x, h) is None


def test_only_what_is_wanted_gets_a_gradient():
    rnn, x, h = layer(), torch.randn(1, B, M), state(1, B, N).requires_grad_()
    for parameter in rnn.parameters():
        parameter.requires_grad_(False)
    assert not rnn(x)[0].requires_grad
    rnn(x, h)[0].sum().backward()
    assert h.grad.is_complex()
    assert h.grad.any()


def test_gradients_are_those_of_finite_differences():
    rnn = layer(n=8, preset="released", dtype=torch.float64)
    x, h = torch.randn(1, 2, M, dtype=torch.float64), state(1, 2, 8, dtype=torch.complex128)
    arguments = (x.requires_grad_(), h.requires_grad_(), *rnn.parameters())
    assert torch.autograd.gradcheck(lambda x, h, *_: rnn(x, h), arguments, check_batched_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: rnn(x), (x, *rnn.parameters()), check_batched_grad=True)


def test_a_second_derivative_says_what_to_do():
    rnn, x = layer(preset="released"), torch.randn(1, B, M).requires_grad_()
    (first,) = torch.autograd.grad(rnn(x)[0].square().sum(), x)
    (gradient,) = torch.autograd.grad(rnn(x)[0].square().sum(), x, create_graph=True)
    torch.testing.assert_close(gradient, first)
    with pytest.raises(NotImplementedError, match="the fused kernels have no second derivative"):
        gradient.sum().backward()


def test_a_parameter_written_between_forward_and_backward_is_an_error():
    rnn = layer()
    output, _ = rnn(torch.randn(1, B, M))
    with torch.no_grad():
        rnn.layers[0].V.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_it_maps_and_differentiates_under_torch_func():
    rnn, x = layer(), torch.randn(1, B, M).requires_grad_()
    of = torch.func.grad(lambda x: rnn(x)[0].square().sum())(x.detach())
    torch.testing.assert_close(of, torch.autograd.grad(rnn(x)[0].square().sum(), x)[0])
