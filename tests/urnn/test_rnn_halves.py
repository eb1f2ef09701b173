"""`.half()` and `.bfloat16()`: the float32 layer of the same parameters, its results rounded once."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from tests.urnn import definition
from urnn import URNN
from urnn.backends import BACKENDS

DTYPES = [torch.float16, torch.bfloat16]
M, N = 3, 16

pytestmark = pytest.mark.parametrize("dtype", DTYPES)


def layer(dtype: torch.dtype, device: str = "cpu", **options) -> URNN:
    return URNN(M, N, **options).to(device, dtype)


def drawn(*shape: int, dtype: torch.dtype, generator: torch.Generator, device: str = "cpu") -> torch.Tensor:
    return torch.randn(*shape, generator=generator).to(device, dtype)


OPTIONS = {
    "one layer": {},
    "released": {"preset": "released"},
    "two layers, both directions": {"num_layers": 2, "bidirectional": True},
    "recomputed": {"recompute": 2, "output_steps": 3},
}


def assert_rounded(value, exact, backend: str, layers: int, dtype: torch.dtype | None = None) -> None:
    """Once, or, by a backend that keeps more than the results in `dtype`, in every layer."""
    if dtype := next((one for one in BACKENDS[backend].halves if one == (dtype or value.dtype)), None):
        error = (value.float() - exact).norm() / exact.norm()
        assert error <= 4 * layers * torch.finfo(dtype).eps
    else:
        assert torch.equal(value, exact.to(value.dtype))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_results_are_those_of_float32_rounded_once(backend, device, options, dtype, generator):
    rnn = layer(dtype, device, backend=backend, **options)
    wide = copy.deepcopy(rnn).float()
    x = drawn(7, 5, M, dtype=dtype, generator=generator, device=device).requires_grad_()
    h_0 = torch.randn(len(rnn.layers), 5, N, dtype=torch.complex64, generator=generator).to(device)
    x_wide = x.detach().float().requires_grad_()
    (output, h_n), (exact, last) = rnn(x, h_0), wide(x_wide, h_0)
    assert (output.dtype, h_n.dtype) == (dtype, torch.complex64)
    assert_rounded(output, exact, backend, len(rnn.layers))
    assert_rounded(torch.view_as_real(h_n), torch.view_as_real(last), backend, len(rnn.layers), dtype)
    weights = drawn(*output.shape, dtype=dtype, generator=generator, device=device)
    output.backward(weights)
    exact.backward(weights.float())
    for value, expected in zip([x, *rnn.parameters()], [x_wide, *wide.parameters()], strict=True):
        if expected.grad is not None:  # as it is for the learned first states, since h_0 is given
            assert value.grad.dtype == dtype
            assert_rounded(value.grad, expected.grad, backend, len(rnn.layers))


def test_the_output_is_the_definitions_to_half_an_epsilon(dtype, generator):
    rnn, x = layer(dtype, num_layers=2), drawn(20, M, dtype=dtype, generator=generator)
    expected, _ = definition.urnn(rnn, x)
    output = rnn(x)[0].detach().double().numpy()
    # Rounded to nearest, or, below the smallest normal number, to a multiple of the smallest of all.
    kind = torch.finfo(dtype)
    rounded = kind.eps / 2 * np.abs(expected) + kind.tiny * kind.eps / 2
    assert np.all(np.abs(output - expected) <= rounded + definition.rounding(N, torch.float32, steps=40))


def test_steps_one_by_one_are_the_whole_sequence(dtype, generator):
    """The state has float32's digits, so that no step starts from a rounded one."""
    rnn, x = layer(dtype), drawn(9, 4, M, dtype=dtype, generator=generator)
    whole, last = rnn(x)
    state, outputs = None, []
    for x_t in x:
        output, state = rnn(x_t.unsqueeze(0), state)
        outputs.append(output)
    assert torch.equal(torch.cat(outputs), whole)
    assert torch.equal(state, last)


def test_a_packed_sequence(dtype, generator):
    rnn, x = layer(dtype, bidirectional=True), drawn(6, 3, M, dtype=dtype, generator=generator)
    packed = pack_padded_sequence(x, torch.tensor([6, 4, 1]))
    output, _ = rnn(packed)
    assert isinstance(output, PackedSequence)
    assert torch.equal(output.data, rnn.float()(packed.to(torch.float32))[0].data.to(dtype))


def test_it_can_be_built_in_its_dtype_and_drawn_anew(dtype, generator):
    rnn = URNN(M, N, dtype=dtype)
    rnn.reset_parameters()
    assert {parameter.dtype for parameter in rnn.parameters()} == {dtype}
    output, _ = rnn(drawn(5, 2, M, dtype=dtype, generator=generator))
    assert output.isfinite().all()


def test_input_and_output_have_the_dtypes_of_an_lstms(dtype, generator):
    x = drawn(5, 2, M, dtype=dtype, generator=generator)
    for rnn in (nn.LSTM(M, N).to(dtype), layer(dtype)):
        output, _ = rnn(x)
        output.sum().backward()
        assert output.dtype == dtype
        assert {p.grad.dtype for p in rnn.parameters()} == {dtype}
        with pytest.raises(ValueError, match="dtype|" + str(dtype)):
            rnn(x.float())


def test_under_autocast_any_floating_input_will_do(dtype, generator):
    rnn, x = layer(dtype), torch.randn(5, 2, M, generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert rnn(x)[0].dtype == dtype
        assert torch.equal(rnn(x.to(dtype))[0], rnn(x.to(dtype).float())[0])


def test_the_matrix_alone_is_unitary_to_float32s_digits(dtype):
    """Rounding theta and v gives another unitary matrix."""
    W = layer(dtype).layers[0].W
    dense = W.dense()
    assert dense.dtype == torch.complex64
    torch.testing.assert_close(
        (dense @ dense.mH), torch.eye(N, dtype=torch.complex64), rtol=0, atol=definition.rounding(N, torch.float32)
    )
    h = torch.ones(2, N, dtype=torch.complex64)
    torch.testing.assert_close(W.adjoint(W(h)), h, rtol=0, atol=2 * definition.rounding(N, torch.float32))


def test_a_state_dict_goes_from_one_dtype_to_another(dtype, generator):
    rnn, other = layer(dtype), URNN(M, N)
    other.load_state_dict(rnn.state_dict())
    x = drawn(5, 2, M, dtype=dtype, generator=generator)
    assert torch.equal(rnn(x)[0], other(x.float())[0].to(dtype))
