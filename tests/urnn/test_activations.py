"""modReLU is its formula, and calm where the formula is not."""

import cmath

import pytest
import torch

from tests.urnn import definition
from urnn.activations import modrelu

DTYPES = [torch.complex64, torch.complex128]


@pytest.mark.parametrize("epsilon", [0.0, 1e-5, 0.5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_elementwise_the_formula(dtype, epsilon):
    z = torch.randn(50, 9, dtype=dtype)
    b = torch.linspace(-1, 1, 9, dtype=z.real.dtype)
    h = modrelu(z, b, epsilon)
    expected = [
        [definition.modrelu(complex(z_k), float(b_k), epsilon) for z_k, b_k in zip(row, b, strict=True)]
        for row in z
    ]
    # modulus, sum, quotient and product: 8 roundings cover them
    tolerance = 8 * torch.finfo(dtype).eps
    torch.testing.assert_close(h, torch.tensor(expected, dtype=dtype), rtol=tolerance, atol=tolerance)


def test_the_modulus_moves_by_b_and_the_phase_stays():
    z = torch.tensor([3 + 4j, -1 + 1j, -2j], dtype=torch.complex128)
    h = modrelu(z, torch.tensor([-2.0, 0.5, 1.0]).double())
    assert h.abs().tolist() == pytest.approx([3.0, 2**0.5 + 0.5, 3.0], rel=1e-15)
    assert h.angle().tolist() == pytest.approx([cmath.phase(value) for value in z.tolist()], rel=1e-15)


def test_a_unit_whose_modulus_would_be_negative_is_dead():
    z = torch.tensor([3 + 4j, 3 + 4j, 3 + 4j], dtype=torch.complex128)
    b = torch.tensor([-4.99, -5.0, -5.01]).double()
    assert (modrelu(z, b) != 0).tolist() == [True, False, False]


def test_without_bias_the_paper_passes_everything_and_the_released_code_shrinks_it():
    z = torch.randn(100, dtype=torch.complex128)
    b = torch.zeros(100).double()
    torch.testing.assert_close(modrelu(z, b), z, rtol=4 * torch.finfo(z.dtype).eps, atol=0)
    assert (modrelu(z, b, 1e-5).abs() < z.abs()).all()


@pytest.mark.parametrize("epsilon", [0.0, 1e-5])
def test_gradients_are_those_of_finite_differences(epsilon):
    z = torch.randn(6, 4, dtype=torch.complex128, requires_grad=True)
    b = torch.tensor([-0.7, -0.1, 0.0, 0.4]).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z, b: modrelu(z, b, epsilon), (z, b), atol=1e-7, rtol=1e-7, check_forward_ad=False
    )


@pytest.mark.parametrize("epsilon", [0.0, 1e-5])
@pytest.mark.parametrize("bias", [-0.1, 0.0, 0.1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_at_zero_the_value_and_every_gradient_are_zero(dtype, bias, epsilon):
    z = torch.zeros(3, dtype=dtype, requires_grad=True)
    b = torch.full((3,), bias, dtype=z.real.dtype, requires_grad=True)
    h = modrelu(z, b, epsilon)
    h.backward(torch.randn(3, dtype=dtype))
    for value in (h, z.grad, b.grad):
        assert torch.equal(value, torch.zeros_like(value))


@pytest.mark.parametrize("epsilon", [0.0, 1e-5])
@pytest.mark.parametrize("bias", [-0.125, 0.0, 0.125])
@pytest.mark.parametrize(
    ("dtype", "moduli"),
    [(torch.complex64, [1e-18, 1e-25, 1e-37, 1e-44]), (torch.complex128, [1e-18, 1e-160, 1e-307, 1e-320])],
)
def test_near_zero_nothing_overflows(dtype, moduli, bias, epsilon):
    """b / |z| is large there and b / |z|^2 beyond the range of floats, down to subnormal numbers."""
    z = torch.tensor([modulus * (0.6 + 0.8j) for modulus in moduli], dtype=dtype, requires_grad=True)
    b = torch.full((4,), bias, dtype=z.real.dtype, requires_grad=True)
    h = modrelu(z, b, epsilon)
    h.backward(torch.ones_like(h))
    for value in (torch.view_as_real(h), torch.view_as_real(z.grad), b.grad):
        assert torch.isfinite(value).all()
    assert (h.abs() <= max(bias, 0) + 1e-17).all()
