"""modReLU, the nonlinearity that shrinks a complex number's modulus and keeps its phase."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor


def modrelu(
    z: Complex[Tensor, "*batch n"], b: Float[Tensor, " n"], epsilon: float = 0.0
) -> Complex[Tensor, "*batch n"]:
    """z (|z| + b) / (|z| + epsilon) where |z| + b >= 0, else 0 (Arjovsky, Shah, Bengio 2015, equation 8).

    At z = 0 the direction is undefined; the value and every gradient are 0 there, not NaN. `epsilon` is 0 in
    the paper and 1e-5 in the authors' released code, which shrinks every state a little.
    """
    modulus = z.abs()
    alive = modulus > 0
    # The inner `where` keeps 0/0 out of the graph: a NaN in a masked branch would still reach the gradient.
    divisor = torch.where(alive, modulus, torch.ones_like(modulus)) + epsilon
    scale = torch.where(alive, torch.relu(modulus + b) / divisor, torch.zeros_like(modulus))
    return z * scale
