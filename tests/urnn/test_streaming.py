"""One step at a time: the same bits as the general way, whatever was done to the parameters before."""

import copy
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from urnn import URNN, URNNCell, streaming
from urnn.backends.cpu import build
from urnn.backends.cpu.operator import OPERATORS

pytestmark = pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler on this machine")


def layer(m: int = 5, n: int = 64, **options) -> URNN:
    rnn = URNN(m, n, **options)
    build.functions(rnn.layers[0].V.dtype)
    return rnn


def general(rnn: URNN, x: torch.Tensor, h: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.enable_grad():
        return rnn(x, h)


def assert_streams(rnn: URNN, x: torch.Tensor, h: torch.Tensor | None) -> None:
    """That the operator runs, and has the bits of the general way."""
    with torch.no_grad():
        found = streaming.call(rnn, x, h)
    assert found is not None
    for value, expected in zip(found, general(rnn, x, h), strict=True):
        assert torch.equal(value, expected)
        assert value.stride() == expected.stride()


def state(batch: int, n: int = 64, dtype: torch.dtype = torch.complex64) -> torch.Tensor:
    return torch.randn(1, batch, n, dtype=dtype)


@pytest.mark.parametrize(("n", "dtype"), [*itertools.product((4, 64, 100, 128), (torch.float32, torch.float64))])
@pytest.mark.parametrize("preset", ["paper", "released"])
def test_it_has_the_bits_of_the_general_way(n, dtype, preset):
    complex_dtype = torch.complex64 if dtype == torch.float32 else torch.complex128
    for steps, batch, m, batch_first in itertools.product((1, 3), (1, 3, 8, 32), (1, 10, 16), (False, True)):
        rnn = layer(m, n, preset=preset, dtype=dtype, batch_first=batch_first)
        x = torch.randn(*((batch, steps) if batch_first else (steps, batch)), m, dtype=dtype)
        assert_streams(rnn, x, state(batch, n, complex_dtype))


@pytest.mark.parametrize("m", [17, 200])
def test_wide_inputs(m):
    for batch in (1, 3, 33):
        assert_streams(layer(m), torch.randn(2, batch, m), state(batch))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_from_the_learned_first_state(dtype):
    for batch in (1, 3, 33):
        assert_streams(layer(dtype=dtype), torch.randn(2, batch, 5, dtype=dtype), None)


def test_without_a_batch():
    for rnn, h in itertools.product((layer(), layer(batch_first=True)), (None, state(1)[0])):
        assert_streams(rnn, torch.randn(4, 5), h)


@pytest.mark.parametrize("layers", [2, 3])
def test_several_layers(layers):
    rnn = layer(num_layers=layers, dropout=0.5).eval()
    x = torch.randn(2, 3, 5)
    for h in (None, torch.randn(layers, 3, 64, dtype=torch.complex64)):
        assert_streams(rnn, x, h)
    with torch.no_grad():
        assert streaming.call(rnn.train(), x, None) is None


@pytest.mark.usefixtures("as_a_user")
def test_torch_compile_and_export_give_the_same():
    rnn, x, h = layer(), torch.randn(1, 2, 5), state(2)
    with torch.no_grad():
        expected = rnn(x, h)
        for built in (
            torch.compile(rnn, fullgraph=True, backend="eager"),
            torch.export.export(rnn, (x, h)).module(),
        ):
            assert all(torch.equal(a, b) for a, b in zip(built(x, h), expected, strict=True))


def test_views_of_any_strides():
    rnn = layer()
    x, h = torch.randn(3, 10, 6)[:, ::2, 1:], state(10)[:, ::2]
    assert_streams(rnn, x, h)
    assert_streams(rnn, x, h.conj())


def test_modes_without_gradients_agree():
    rnn, x, h = layer(), torch.randn(1, 1, 5), state(1)
    with torch.inference_mode():
        inferred = rnn(x, h)
    assert all(part.is_inference() for part in inferred)
    with torch.no_grad():
        assert all(torch.equal(a, b) for a, b in zip(rnn(x, h), inferred, strict=True))


def write_by_an_optimiser(rnn: URNN) -> None:
    optimiser = torch.optim.SGD(rnn.parameters(), lr=0.1)
    with torch.enable_grad():
        rnn(torch.randn(3, 2, 5))[0].square().sum().backward()
    optimiser.step()


def write_by_a_state_dict(rnn: URNN) -> None:
    rnn.load_state_dict(layer().state_dict())


def write_through_data(rnn: URNN) -> None:
    rnn.layers[0].W.theta.data[1, 3] += 0.5


def write_by_numpy(rnn: URNN) -> None:
    rnn.layers[0].V.detach().numpy()[2, 1] += 0.5


def write_to_the_permutation(rnn: URNN) -> None:
    rnn.layers[0].W.permutation.copy_(torch.randperm(64))


def write_another_tensor(rnn: URNN) -> None:
    rnn.layers[0].b.data = torch.randn(64)


WRITES = [
    write_by_an_optimiser,
    write_by_a_state_dict,
    write_through_data,
    write_by_numpy,
    write_to_the_permutation,
    write_another_tensor,
]


@pytest.mark.parametrize("write", WRITES)
def test_every_write_to_a_parameter_is_seen(write):
    rnn, x, h = layer(), torch.randn(1, 1, 5), state(1)
    with torch.no_grad():
        before = rnn(x, h)[0]
    write(rnn)
    assert_streams(rnn, x, h)
    with torch.no_grad():
        assert not torch.equal(rnn(x, h)[0], before)


def test_a_write_to_the_first_state_is_seen():
    rnn, x = layer(), torch.randn(1, 1, 5)
    with torch.no_grad():
        before = rnn(x)[0]
        rnn.layers[0].h_0.data.fill_(0.1)
        assert not torch.equal(rnn(x)[0], before)
    assert_streams(rnn, x, None)


def test_a_copy_is_a_layer_of_its_own():
    rnn, x, h = layer(), torch.randn(1, 1, 5), state(1)
    with torch.no_grad():
        before = rnn(x, h)[0]
        other = copy.deepcopy(rnn)
        other.layers[0].W.v.add_(1)
        assert not torch.equal(other(x, h)[0], before)
        assert torch.equal(rnn(x, h)[0], before)


def test_more_layers_than_tables_are_kept_for():
    x, h, layers = torch.randn(1, 1, 5), state(1), [layer() for _ in range(70)]
    for _ in range(2):
        for rnn in layers:
            assert_streams(rnn, x, h)


def test_threads_that_share_a_layer():
    rnn, starts = layer(), [state(1) for _ in range(8)]
    x = torch.randn(50, 1, 1, 5)

    def walk(h: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            for x_t in x:
                h = rnn(x_t, h)[1]
        return h

    expected = [walk(h) for h in starts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(walk, starts))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_hooks_modes_and_wrong_arguments_take_the_general_way():
    rnn, x, h = layer(), torch.randn(1, 1, 5), state(1)
    with torch.no_grad():
        assert streaming.call(rnn, torch.randn(1, 1, 4), h) is None
        assert streaming.call(rnn, x, state(2)) is None
        assert streaming.call(rnn, x, torch.randn(1, 1, 128)) is None
        assert streaming.call(rnn, x, torch.randn(128)) is None
        assert streaming.call(layer(backend="reference"), x, h) is None
        handle = rnn.layers[0].register_forward_hook(lambda *_: None)
        assert streaming.call(rnn, x, h) is None
        handle.remove()
        assert streaming.call(rnn, x, h) is not None
        x.untyped_storage().resize_(0)
        assert streaming.call(rnn, x, h) is None


def test_a_broken_permutation_is_reported():
    rnn = layer()
    rnn.layers[0].W.permutation.zero_()
    with torch.inference_mode(), pytest.raises(ValueError, match=r"permutation must hold each of 0\.\.63 once"):
        rnn(torch.randn(1, 1, 5), state(1))


def test_the_operator_says_that_its_arguments_do_not_fit():
    rnn = layer()
    W, own = rnn.layers[0].W, rnn.layers[0]
    with torch.no_grad(), pytest.raises(RuntimeError, match="operator of a stream cannot take these arguments"):
        OPERATORS[torch.float32].stream(
            torch.randn(1, 1, 5), state(2), W.theta, W.v, W.permutation, own.V, own.b, 0.0, False
        )


@pytest.mark.parametrize("name", ["W.theta", "W.v", "W.permutation", "V", "b"])
def test_a_parameter_that_is_not_in_memory_is_an_error(name):
    rnn = layer()
    rnn.layers[0].state_dict(keep_vars=True)[name].untyped_storage().resize_(8)
    with torch.no_grad(), pytest.raises(RuntimeError, match="to be in memory, got one whose storage has 8 bytes"):
        rnn(torch.ones(1, 1, 5))


class Doubled(nn.Module):
    def forward(self, theta: torch.Tensor) -> torch.Tensor:
        return 2 * theta


def test_parametrized_and_replaced_parameters_count():
    rnn, other, x = layer(), layer(), torch.randn(1, 1, 5)
    with torch.no_grad():
        swapped = torch.func.functional_call(rnn, other.state_dict(), (x,))
        assert all(torch.equal(a, b) for a, b in zip(swapped, general(other, x, None), strict=True))
        nn.utils.parametrize.register_parametrization(rnn.layers[0].W, "theta", Doubled())
        assert streaming.call(rnn, x, None) is None
        assert torch.equal(rnn(x)[0], general(rnn, x, None)[0])


def test_a_mapped_call_takes_the_general_way():
    rnn, x = layer(), torch.randn(4, 1, 1, 5)
    with torch.no_grad():
        mapped = torch.vmap(lambda part: rnn(part)[0])(x)
    torch.testing.assert_close(mapped, torch.stack([rnn(part)[0].detach() for part in x]))


# The cell.


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_loop_over_the_cell_is_the_layer(backend, dtype):
    rnn, cell = layer(backend=backend, dtype=dtype), URNNCell(5, 64, backend=backend, dtype=dtype)
    cell.layer.load_state_dict(rnn.layers[0].state_dict())
    x = torch.randn(12, 3, 5, dtype=dtype)
    output, _ = rnn(x)
    h, states = None, []
    for x_t in x:
        h = cell(x_t, h)
        states.append(h)
    tolerance = 1000 * torch.finfo(dtype).eps
    torch.testing.assert_close(torch.stack(states), output, rtol=0, atol=tolerance)
    torch.stack(states).square().sum().backward()
    output.square().sum().backward()
    for (name, found), expected in zip(cell.layer.named_parameters(), rnn.layers[0].parameters(), strict=True):
        scale = float(expected.grad.abs().max())
        torch.testing.assert_close(found.grad, expected.grad, rtol=0, atol=tolerance * scale, msg=name)


def test_the_cell_streams_with_the_same_bits():
    cell = URNNCell(5, 64)
    x, h = torch.randn(3, 5), torch.randn(3, 128)
    expected = cell(x, h)
    with torch.inference_mode():
        assert torch.equal(streaming.step(cell, x, h), expected)
        assert torch.equal(cell(x, torch.complex(*h.chunk(2, dim=-1))), expected)
        torch.testing.assert_close(cell(x[0], h[0]), expected[0])
        assert cell(x[0]).shape == (128,)


def test_the_cells_state_dict_is_a_layers():
    cell = URNNCell(5, 64)
    assert list(cell.layer.state_dict()) == list(layer().layers[0].state_dict())
    assert isinstance(cell, nn.Module)
    assert repr(cell).startswith("URNNCell(\n  5, 64, preset='paper', backend='auto'")


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((torch.zeros(2, 4),), RuntimeError, r"input.size\(-1\) must be equal to input_size. Expected 5, got 4"),
        ((torch.zeros(1, 2, 5),), ValueError, "URNNCell: Expected input to be 1D or 2D, got 3D instead"),
        (
            (torch.zeros(2, 5), torch.zeros(2, 64)),
            RuntimeError,
            r"hx of size \(2, 128\), or complex \(2, 64\)",
        ),
        (([1.0],), TypeError, "URNNCell: input must be a Tensor, got list"),
        ((torch.zeros(2, 5), 3), TypeError, "URNNCell: hx must be a Tensor, got int"),
        (
            (torch.zeros(2, 5).double(),),
            ValueError,
            "URNNCell: Expected input to be torch.float32, got torch.float64; convert one of the two",
        ),
        (
            (torch.zeros(2, 5), torch.zeros(2, 128).double()),
            ValueError,
            "URNNCell: Expected hx to be torch.float32, or complex of that precision, got torch.float64",
        ),
        (
            (torch.zeros(2, 5), torch.zeros(2, 64, dtype=torch.complex128)),
            ValueError,
            "URNNCell: Expected hx to be torch.float32, or complex of that precision, got torch.complex128",
        ),
    ],
)
def test_what_the_cell_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        URNNCell(5, 64)(*arguments)
