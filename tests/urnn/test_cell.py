"""`URNNCell` step by step with gradients: those of the whole sequence, whoever watches."""

import pytest
import torch

from urnn import URNN, URNNCell, streaming
from urnn.backends.cpu import build

pytestmark = pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler on this machine")

M, N, T, B = 3, 64, 7, 5


def cell_of(m: int = M, n: int = N, **options) -> URNNCell:
    cell = URNNCell(m, n, **options)
    build.functions(cell.layer.V.dtype)
    return cell


def loop(cell: URNNCell, x: torch.Tensor, h: torch.Tensor | None) -> torch.Tensor:
    states = []
    for x_t in x:
        h = cell(x_t, h)
        states.append(h)
    return torch.stack(states)


def assert_gradients_are_the_references(cell: URNNCell, x: torch.Tensor, h: torch.Tensor | None) -> None:
    """Gradients of everything in a loop over x, beside those of the eager reference with the same parameters."""
    reference = URNNCell(cell.input_size, cell.hidden_size, preset=cell.preset, backend="reference", dtype=x.dtype)
    reference.load_state_dict(cell.state_dict())
    found = []
    for of in (cell, reference):
        inputs = [x.clone().requires_grad_()] + ([] if h is None else [h.clone().requires_grad_()])
        states = loop(of, inputs[0], None if h is None else inputs[1])
        parameters = [p for name, p in of.layer.named_parameters() if h is None or name != "h_0"]
        weights = torch.linspace(-1, 1, states.numel(), dtype=x.dtype).view(states.shape)
        found.append([states, *torch.autograd.grad((states * weights).sum(), inputs + parameters)])
    for value, expected in zip(*found, strict=True):
        bound = 1000 * T * torch.finfo(x.dtype).eps * max(1.0, float(expected.detach().abs().max()))
        torch.testing.assert_close(value, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [(), (1,), (B,), (21,)])
@pytest.mark.parametrize("with_state", [True, False])
def test_a_loop_has_the_references_gradients(preset, dtype, batch, with_state, generator):
    for m, n in ((M, N), (17, N), (M, 4), (M, 50)):
        cell = cell_of(m, n, preset=preset, dtype=dtype)
        x = torch.randn(T, *batch, m, dtype=dtype, generator=generator)
        h = torch.randn(*batch, 2 * n, dtype=dtype, generator=generator) if with_state else None
        assert streaming.step(cell, x[0], h).requires_grad
        assert_gradients_are_the_references(cell, x, h)


def test_views_of_any_strides(generator):
    x = torch.randn(T, 2 * B, M + 1, generator=generator)[:, ::2, 1:]
    for h in (
        torch.randn(2 * N, B, generator=generator).mT,
        torch.randn(1, 2 * N, generator=generator).expand(B, -1),
    ):
        assert streaming.step(cell_of(), x[0], h) is not None
        assert_gradients_are_the_references(cell_of(), x, h)


def test_only_what_is_wanted_gets_a_gradient(generator):
    cell = cell_of()
    cell.layer.V.requires_grad_(False)
    x = torch.randn(B, M, generator=generator)
    cell(x).square().sum().backward()
    assert cell.layer.V.grad is None
    assert cell.layer.b.grad.any()
    for parameter in cell.parameters():
        parameter.requires_grad_(False)
    assert not cell(x).requires_grad
    h = torch.randn(B, 2 * N, generator=generator, requires_grad=True)
    cell(x, h).sum().backward()
    assert h.grad.any()


def test_gradients_are_those_of_finite_differences(generator):
    cell = cell_of(n=8, preset="released", dtype=torch.float64)
    x, h = (torch.randn(2, k, generator=generator, dtype=torch.float64).requires_grad_() for k in (M, 16))
    assert torch.autograd.gradcheck(
        lambda x, h, *_: cell(x, h), (x, h, *cell.parameters()), check_batched_grad=True
    )
    one = x[0].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: cell(x), (one, *cell.parameters()), check_batched_grad=True)


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_a_second_derivative_says_what_to_do(preset, generator):
    cell = cell_of(preset=preset)
    x = torch.randn(1, M, generator=generator).requires_grad_()
    (first,) = torch.autograd.grad(cell(x).square().sum(), x, retain_graph=True)
    loss = cell(x).square().sum()
    (gradient,) = torch.autograd.grad(loss, x, create_graph=True)
    torch.testing.assert_close(gradient, first)
    with pytest.raises(NotImplementedError, match="the fused kernels have no second derivative"):
        gradient.sum().backward()


def test_a_parameter_written_between_forward_and_backward_is_an_error(generator):
    cell = cell_of()
    h = cell(torch.randn(B, M, generator=generator))
    with torch.no_grad():
        cell.layer.V.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        h.sum().backward()


def test_training_a_loop_sees_every_step_of_the_optimiser(generator):
    cell, reference = cell_of(), URNNCell(M, N, backend="reference")
    reference.load_state_dict(cell.state_dict())
    x = torch.randn(T, B, M, generator=generator)
    for trained in (cell, reference):
        optimiser = torch.optim.SGD(trained.parameters(), lr=0.01)
        for _ in range(3):
            optimiser.zero_grad()
            loop(trained, x, None).square().mean().backward()
            optimiser.step()
    for a, b in zip(cell.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_any_number_of_threads_gives_the_same_bits(generator):
    cell, x = cell_of(17), torch.randn(T, 40, 17, generator=generator)
    found = []
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            found.append(torch.autograd.grad(loop(cell, x, None).square().sum(), list(cell.parameters())))
        finally:
            torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_an_empty_batch_gives_an_empty_state():
    cell = cell_of()
    h = cell(torch.ones(0, M))
    assert h.shape == (0, 2 * N)
    h.sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in cell.parameters())


def test_it_maps_and_differentiates_under_torch_func(generator):
    cell, x = cell_of(), torch.randn(4, B, M, generator=generator)
    torch.testing.assert_close(torch.vmap(cell)(x), torch.stack([cell(part) for part in x]))
    of = torch.func.grad(lambda x: cell(x).square().sum())(x[0])
    y = x[0].clone().requires_grad_()
    cell(y).square().sum().backward()
    torch.testing.assert_close(of, y.grad)


@pytest.mark.usefixtures("as_a_user")
def test_it_compiles_and_exports(generator):
    cell = cell_of()
    x, h = torch.randn(B, M, generator=generator), torch.randn(B, 2 * N, generator=generator)
    expected = cell(x, h)
    assert torch.equal(torch.compile(cell, fullgraph=True, backend="eager")(x, h), expected)
    assert torch.equal(torch.export.export(cell, (x, h)).module()(x, h), expected)


def test_it_carries_on_from_the_state_of_a_layer(generator):
    rnn, cell = URNN(M, N), cell_of()
    cell.layer.load_state_dict(rnn.layers[0].state_dict())
    x = torch.randn(T, B, M, generator=generator)
    with torch.no_grad():
        _, h = rnn(x[:-1])
        torch.testing.assert_close(cell(x[-1], h[0]), rnn(x)[0][-1])


WRONG_ARGUMENTS = {
    "no units": ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1, got 0"),
    "no features": ({"input_size": 0}, ValueError, "input_size must be at least 1, got 0"),
    "preset": ({"preset": "mine"}, ValueError, "preset must be one of"),
    "backend": ({"backend": "cudnn"}, ValueError, "backend must be one of"),
    "dtype": ({"dtype": torch.int64}, ValueError, r"dtype must be torch"),
}


@pytest.mark.parametrize(("options", "error", "message"), WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_a_wrong_argument_says_what_was_expected(options, error, message):
    with pytest.raises(error, match=message):
        URNNCell(**{"input_size": M, "hidden_size": N, **options})
