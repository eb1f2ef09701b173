"""modReLU, the nonlinearity that shrinks a complex number's modulus and keeps its phase."""

import math

import torch
from torch import Tensor

from urnn.shapes import Complex, Float


def modrelu(
    z: Complex[Tensor, "*batch n"], b: Float[Tensor, " n"], epsilon: float = 0.0
) -> Complex[Tensor, "*batch n"]:
    """z (|z| + b) / (|z| + epsilon) where |z| + b >= 0, else 0 (Arjovsky, Shah, Bengio 2015, equation 8).

    At z = 0 the direction is undefined; the value and every gradient are 0 there, not NaN. A z that is NaN or
    infinite gives NaN.

    Args:
        z: complex values.
        b: a real bias for each of the n units; negative ones switch small values off.
        epsilon: 0 in the paper; 1e-5 in the authors' released code, which shrinks every state a little.

    Example:
        >>> import torch
        >>> from urnn.activations import modrelu
        >>> modrelu(torch.tensor([3 + 4j, 3 + 4j, 1 + 0j]), b=torch.tensor([0.0, 5.0, -2.0]))
        tensor([3.+4.j, 6.+8.j, 0.+0.j])
    """
    # The gradient contains 1/|z|^2. Where that overflows (|z| below 1e-19 in float32), z counts as 0, and is taken
    # out before anything divides by it: a NaN in a branch that is masked later would still reach the gradient. The
    # comparison is false for NaN, which must not count as 0.
    dead = z.abs() <= math.sqrt(torch.finfo(b.dtype).tiny)
    z = torch.where(dead, 0, z)
    modulus = z.abs()
    divisor = torch.where(dead, 1, modulus) + epsilon
    return z * (torch.relu(modulus + b) / divisor)
