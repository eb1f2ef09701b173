"""W is what the paper writes, and unitary for whatever its parameters hold."""

import re

import numpy as np
import pytest
import torch

from tests.urnn import definition
from tests.urnn.definition import rounding
from urnn import UnitaryMatrix, unitary

SIZES = [1, 2, 3, 7, 13, 64, 128]  # one unit, two, primes (no radix-2 transform), powers of two
DTYPES = [torch.float32, torch.float64]
PRESETS = [False, True]  # reflections in v, in conj(v)


def matrix(n: int, dtype=torch.float64, **options) -> UnitaryMatrix:
    return UnitaryMatrix(n, dtype=dtype, **options)


def complex_normal(*shape: int, dtype=torch.complex128) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype)


def as_numpy(W: UnitaryMatrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return W.theta.detach().numpy(), W.v.detach().numpy(), W.permutation.numpy()


@pytest.mark.parametrize("conjugate", PRESETS)
@pytest.mark.parametrize("n", SIZES)
def test_dense_is_the_product_of_its_eight_factors(n, conjugate):
    W = matrix(n, conjugate_reflections=conjugate)
    expected = definition.recurrent_matrix(*as_numpy(W), conjugate=conjugate)
    np.testing.assert_allclose(W.dense().detach().numpy(), expected, rtol=0, atol=rounding(n))


@pytest.mark.parametrize("n", SIZES)
def test_each_factor_is_its_matrix(n):
    h = complex_normal(n)
    theta, v, permutation = torch.randn(n).double(), torch.randn(2 * n).double(), torch.randperm(n)
    vector = definition.complex_vector(v.numpy())
    factors = [
        (unitary.phases(theta) * h, np.diag(np.exp(1j * theta.numpy()))),
        (unitary.fourier(h), definition.dft(n)),
        (unitary.inverse_fourier(h), definition.inverse_dft(n)),
        (unitary.reflection(h, unitary.directions(v)), definition.householder(vector)),
        (unitary.permute(h, permutation), definition.permutation_matrix(permutation.numpy())),
    ]
    for applied, written_out in factors:
        # |h| grows like sqrt(n), so the bound for vectors of length 1 does too
        np.testing.assert_allclose(applied.numpy(), written_out @ h.numpy(), rtol=0, atol=rounding(n) * n**0.5)


@pytest.mark.parametrize("n", SIZES)
def test_a_pair_is_the_real_parts_then_the_imaginary_parts(n):
    z = complex_normal(3, n)
    pair = unitary.to_pair(z)
    assert torch.equal(pair[:, :n], z.real)
    assert torch.equal(pair[:, n:], z.imag)
    assert torch.equal(unitary.to_complex(pair), z)


EXTREMES = {
    "as drawn": lambda W: None,
    "huge theta": lambda W: W.theta.mul_(1e8),
    "theta at 0": lambda W: W.theta.zero_(),
    "tiny v": lambda W: W.v.mul_(1e-30),
    "subnormal v": lambda W: W.v.copy_(torch.where(W.v > 0, 1e-40, -1e-40)),
    "huge v": lambda W: W.v.mul_(1e30),
    "v of one entry": lambda W: W.v[:, 1:].zero_(),
    "v of very unequal entries": lambda W: W.v[:, 0].mul_(1e25),
    "real v": lambda W: W.v[:, W.n :].zero_(),
}


@pytest.mark.parametrize("conjugate", PRESETS)
@pytest.mark.parametrize("extreme", EXTREMES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 13, 128])
def test_unitary_whatever_the_parameters(n, dtype, extreme, conjugate):
    W = matrix(n, dtype, conjugate_reflections=conjugate)
    with torch.no_grad():
        EXTREMES[extreme](W)
        dense = W.dense()
    torch.testing.assert_close(
        dense.mH @ dense, torch.eye(n, dtype=dense.dtype), rtol=0, atol=2 * rounding(n, dtype)
    )


def test_the_length_of_v_does_not_change_w():
    W = matrix(16)
    before = W.dense()
    with torch.no_grad():
        W.v.mul_(torch.tensor([[1e-3], [1e3]]))
    torch.testing.assert_close(W.dense(), before, rtol=0, atol=rounding(16))


@pytest.mark.parametrize("conjugate", PRESETS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_the_adjoint_undoes_w_and_is_its_conjugate_transpose(n, dtype, conjugate):
    W = matrix(n, dtype, conjugate_reflections=conjugate)
    h = torch.nn.functional.normalize(complex_normal(5, n, dtype=W.dense().dtype), dim=-1)
    bound = rounding(n, dtype)
    torch.testing.assert_close(W.adjoint(W(h)), h, rtol=0, atol=2 * bound)
    torch.testing.assert_close(W(W.adjoint(h)), h, rtol=0, atol=2 * bound)
    torch.testing.assert_close(W.adjoint(h), h @ W.dense().mH.mT, rtol=0, atol=2 * bound)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_applies_to_the_last_dimension_whatever_leads(shape):
    W = matrix(7)
    h = torch.nn.functional.normalize(complex_normal(*shape, 7), dim=-1)
    torch.testing.assert_close(W(h), h @ W.dense().mT, rtol=0, atol=2 * rounding(7))


@pytest.mark.parametrize("dtype", DTYPES)
def test_two_thousand_steps_keep_the_norm(dtype):
    """The bound is linear in the steps: D and v are rounded once, so every step errs the same way."""
    n, steps = 32, 2000
    W = matrix(n, dtype)
    with torch.no_grad():
        factors = W.factors()
        h = torch.nn.functional.normalize(complex_normal(n, dtype=factors[0].dtype), dim=-1)
        for _ in range(steps):
            h = unitary.apply(h, *factors)
    # a norm takes the mean of its n entries' errors, and 7 factors err by 1 eps each
    assert abs(float(h.norm()) - 1) < 7 * steps * torch.finfo(dtype).eps


def test_gradients_of_w_are_those_of_finite_differences():
    W = matrix(5)
    h = complex_normal(3, 5).requires_grad_()

    def product(h, theta, v):
        return unitary.apply(h, unitary.phases(theta), unitary.directions(v), W.permutation)

    assert torch.autograd.gradcheck(product, (h, W.theta, W.v), atol=1e-7, rtol=1e-7)


def test_gradients_with_respect_to_v_are_orthogonal_to_v():
    """W does not depend on |v|, so no gradient step can shrink it to nothing."""
    W = matrix(16)
    (W(complex_normal(16)) * complex_normal(16)).sum().real.backward()
    assert W.v.grad.norm() > 0.1
    along = (W.v.grad * W.v).sum(-1)
    torch.testing.assert_close(along, torch.zeros(2).double(), rtol=0, atol=rounding(16) * 16)


@pytest.mark.parametrize("n", [1, 5, 128])
def test_seven_real_parameters_a_unit_and_a_permutation(n):
    W = matrix(n)
    assert sum(p.numel() for p in W.parameters()) == 7 * n
    assert dict(W.named_buffers()).keys() == {"permutation"}
    assert W.permutation.dtype == torch.int64
    assert sorted(W.permutation.tolist()) == list(range(n))
    assert f"n={n}, parameters={7 * n}" in repr(W)


def test_the_permutation_is_drawn_not_the_identity_and_not_always_the_same():
    drawn = {tuple(matrix(64).permutation.tolist()) for _ in range(3)}
    assert len(drawn) == 3
    assert tuple(range(64)) not in drawn


def test_reset_draws_new_angles_and_keeps_the_permutation():
    W = matrix(64)
    theta, v, permutation = W.theta.clone(), W.v.clone(), W.permutation.clone()
    W.reset_parameters()
    assert not torch.equal(W.theta, theta)
    assert not torch.equal(W.v, v)
    assert torch.equal(W.permutation, permutation)


def test_one_seed_gives_one_matrix_on_every_device(device):
    torch.manual_seed(3)
    here = UnitaryMatrix(32).permutation
    torch.manual_seed(3)
    there = UnitaryMatrix(32, device=device).permutation
    assert there.device.type == device
    assert torch.equal(here, there.cpu())


ARGUMENTS = {
    "no units": ((0,), {}, ValueError, "n must be at least 1, got 0"),
    "half a unit": ((2.5,), {}, TypeError, "n should be of type int, got: float"),
    "whole parameters": ((8,), {"dtype": torch.int32}, ValueError,
                         "dtype must be torch.float32, torch.float64, torch.float16 or torch.bfloat16, "
                         "got torch.int32"),
    "a flag that is a word": ((8,), {"conjugate_reflections": "no"}, TypeError,
                              "conjugate_reflections should be of type bool, got: str"),
    "v of length 0": ((8,), {"reflection_bound": 0}, ValueError,
                      "reflection_bound must be a finite number above 0, got 0"),
    "an infinite v": ((8,), {"reflection_bound": float("inf")}, ValueError,
                      "reflection_bound must be a finite number above 0, got inf"),
    "a bound that is a word": ((8,), {"reflection_bound": "1"}, TypeError,
                               "reflection_bound should be of type float, got: str"),
}  # fmt: skip


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(("given", "options", "error", "message"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_wrong_arguments_are_one_sentence(given, options, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        UnitaryMatrix(*given, **options)


COMPLEX = torch.complex64
INPUTS = {  # the matrix's dtype, its input, the error
    "no tensor": (torch.float32, "a", TypeError, "UnitaryMatrix: input must be a Tensor, got str"),
    "a number": (torch.float32, torch.tensor(1j), RuntimeError,
                 "UnitaryMatrix: Expected input of size (..., 8), got ()"),
    "one column, which would broadcast": (torch.float32, torch.ones(2, 1, dtype=COMPLEX), RuntimeError,
                                          "input.size(-1) must be equal to n. Expected 8, got 1"),
    "seven columns": (torch.float32, torch.ones(2, 7, dtype=COMPLEX), RuntimeError,
                      "input.size(-1) must be equal to n. Expected 8, got 7"),
    "sparse": (torch.float32, torch.ones(2, 8, dtype=COMPLEX).to_sparse(), RuntimeError,
               "UnitaryMatrix: Expected input to be a dense tensor, got torch.sparse_coo; call .to_dense()"),
    "on meta": (torch.float32, torch.ones(2, 8, dtype=COMPLEX, device="meta"), RuntimeError,
                "UnitaryMatrix: Expected input and matrix on one device, got input on meta and the matrix on cpu; "
                "move one of the two"),
    "real": (torch.float32, torch.ones(2, 8), ValueError,
             "UnitaryMatrix: Expected input to be torch.complex64, got torch.float32; torch.complex(re, im) makes "
             "one"),
    "of twice the precision": (torch.float32, torch.ones(2, 8, dtype=torch.complex128), ValueError,
                               "UnitaryMatrix: Expected input to be torch.complex64, got torch.complex128; "
                               "call .to(torch.complex64)"),
    "of half the precision": (torch.float64, torch.ones(2, 8, dtype=COMPLEX), ValueError,
                              "UnitaryMatrix: Expected input to be torch.complex128, got torch.complex64; "
                              "call .to(torch.complex128)"),
}  # fmt: skip


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize(("dtype", "h", "error", "message"), INPUTS.values(), ids=INPUTS)
def test_a_wrong_input_is_one_sentence(dtype, h, error, message, adjoint):
    W = matrix(8, dtype=dtype)
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        (W.adjoint if adjoint else W)(h)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_matrix_of_16_bits_reads_what_it_computes_in(dtype):
    assert matrix(8, dtype=dtype)(torch.ones(2, 8, dtype=COMPLEX)).dtype == COMPLEX


def test_vmap_and_grad_see_the_matrix_as_any_function():
    W, h = matrix(8), complex_normal(5, 8)
    assert torch.allclose(torch.func.vmap(W)(h), W(h))
    parameters = dict(W.named_parameters())

    def loss(parameters, h):
        return torch.func.functional_call(W, parameters, (h,)).real.square().sum()

    gradients = torch.func.grad(loss)(parameters, h)
    expected = torch.autograd.grad(loss(parameters, h), list(parameters.values()))
    for name, gradient in zip(parameters, expected, strict=True):
        assert torch.allclose(gradients[name], gradient)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.slow
def test_it_compiles_as_one_graph():
    W, h = matrix(8), complex_normal(5, 8)
    assert torch.allclose(torch.compile(W, fullgraph=True, backend="aot_eager")(h), W(h))
