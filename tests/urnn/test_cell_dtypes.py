"""`URNNCell` in other precisions, and without a batch: what `URNN` does there."""

import pytest
import torch

from urnn import URNN, URNNCell

M, N, T, B = 5, 64, 6, 3
HALVES = [torch.float16, torch.bfloat16]


def pair(dtype: torch.dtype, **options) -> tuple[URNNCell, URNN]:
    """A cell and a layer with the same parameters."""
    rnn, cell = URNN(M, N, dtype=dtype, **options), URNNCell(M, N, dtype=dtype, **options)
    cell.layer.load_state_dict(rnn.layers[0].state_dict())
    return cell, rnn


def loop(cell: URNNCell, x: torch.Tensor, h: torch.Tensor | None = None) -> torch.Tensor:
    states = []
    for x_t in x:
        h = cell(x_t, h)
        states.append(h)
    return torch.stack(states)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("batch", [(), (B,)])
def test_half_precision_is_the_layers(dtype, preset, backend, batch, generator):
    cell, rnn = pair(dtype, preset=preset, backend=backend)
    found_x, x = (
        torch.randn(T, *batch, M, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
        for _ in range(2)
    )
    states = loop(cell, found_x)
    assert states.dtype is torch.float32
    output, h_n = rnn(x)
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(states.to(dtype), output, rtol=eps, atol=1e-4)
    torch.testing.assert_close(torch.complex(*states[-1].chunk(2, dim=-1)), h_n[0], rtol=0, atol=1e-4)
    states.to(dtype).square().sum().backward()
    output.square().sum().backward()
    gradients = [("input", found_x.grad, x.grad)]
    gradients += [
        (name, p.grad, q.grad)
        for (name, p), q in zip(cell.layer.named_parameters(), rnn.layers[0].parameters(), strict=True)
    ]
    for name, found, expected in gradients:
        assert found.dtype is dtype
        # Each step's gradient of a parameter is rounded, and so are their sums.
        bound = 4 * T * eps * float(expected.abs().max())
        torch.testing.assert_close(found, expected, rtol=0, atol=bound, msg=name)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_goes_on_from_a_state_of_either_kind(dtype):
    cell, rnn = pair(dtype)
    x = torch.randn(T, B, M).to(dtype)
    with torch.no_grad():
        _, h_n = rnn(x[:-1])
        expected = rnn(x[-1:], h_n)[1][0]
        for h in (h_n[0], torch.cat([h_n[0].real, h_n[0].imag], dim=-1)):
            found = cell(x[-1], h)
            torch.testing.assert_close(torch.complex(*found.chunk(2, dim=-1)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", HALVES)
def test_a_half_state_is_refused(dtype):
    with pytest.raises(
        ValueError, match=r"URNNCell: Expected hx to be torch.float32, or complex of that precision"
    ):
        URNNCell(M, N, dtype=dtype)(torch.zeros(B, M, dtype=dtype), torch.zeros(B, 2 * N, dtype=dtype))


@pytest.mark.parametrize("dtype", HALVES)
def test_a_half_input_needs_a_half_layer(dtype):
    with pytest.raises(ValueError, match=r"URNNCell: Expected input to be torch.float32, got torch"):
        URNNCell(M, N)(torch.zeros(B, M, dtype=dtype))
    with pytest.raises(ValueError, match=rf"URNNCell: Expected input to be {dtype}, got torch.float32"):
        URNNCell(M, N, dtype=dtype)(torch.zeros(B, M))


@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_autocast_computes_in_the_layers_dtype(backend):
    cell, _ = pair(torch.float32, backend=backend)
    x = torch.randn(T, B, M)
    expected = loop(cell, x.bfloat16().float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loop(cell, x.bfloat16())
        assert found.dtype is torch.float32
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
        of_floats = loop(cell, x)
        with pytest.raises(ValueError, match=r"URNNCell: Expected input to be torch.float32, got torch.int64"):
            cell(torch.ones(B, M, dtype=torch.int64))
    torch.testing.assert_close(of_floats, loop(cell, x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALVES])
def test_an_empty_batch(dtype):
    cell = URNNCell(M, N, dtype=dtype)
    real = torch.float64 if dtype is torch.float64 else torch.float32
    for h in (None, torch.zeros(0, 2 * N, dtype=real)):
        found = cell(torch.ones(0, M, dtype=dtype), h)
        assert found.shape == (0, 2 * N)
        assert found.dtype is real
        found.sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in cell.parameters())
