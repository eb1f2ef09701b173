"""The factors of W and modReLU on real and imaginary parts kept as two real tensors: complex numbers by hand.

For the rungs of the ladder that do without complex arithmetic. Known weakness: torch has no Fourier transform of
real pairs, so `fourier` and `inverse_fourier` go through a complex tensor and back; and |z| is taken from squares,
so it is 0 below 1e-19 and infinite above 1e19 in float32, where a complex tensor's is neither.
"""

import torch
from torch import Tensor

from urnn.shapes import Float, Int

Pair = tuple[Float[Tensor, "*batch n"], Float[Tensor, "*batch n"]]  # real part, imaginary part


def rotate(h: Pair, theta: Float[Tensor, " n"]) -> Pair:
    """D h, with D = diag(exp(i theta)); theta in radians.

    Example:
        >>> import torch
        >>> from urnn.ladder.real_pairs import rotate
        >>> real, imaginary = rotate((torch.ones(1), torch.zeros(1)), torch.tensor([torch.pi / 2]))
        >>> imaginary
        tensor([1.])
    """
    real, imaginary = h
    cosine, sine = theta.cos(), theta.sin()
    return real * cosine - imaginary * sine, real * sine + imaginary * cosine


def reflect(h: Pair, v: Float[Tensor, " 2*n"]) -> Pair:
    """R h, with R = I - 2 v v^H / v^H v, for v as [Re; Im] of any length but 0.

    Example:
        >>> import torch
        >>> from urnn.ladder.real_pairs import reflect
        >>> real, imaginary = reflect((torch.ones(2), torch.zeros(2)), torch.tensor([3.0, 0.0, 0.0, 0.0]))
        >>> real
        tensor([-1.,  1.])
    """
    real, imaginary = h
    a, b = (v / torch.linalg.vector_norm(v)).chunk(2)
    along, across = 2 * (real @ a + imaginary @ b).unsqueeze(-1), 2 * (imaginary @ a - real @ b).unsqueeze(-1)
    return real - (along * a - across * b), imaginary - (along * b + across * a)


def fourier(h: Pair) -> Pair:
    """F h, the unitary discrete Fourier transform.

    Example:
        >>> import torch
        >>> from urnn.ladder.real_pairs import fourier
        >>> fourier((torch.tensor([2.0, 0.0, 0.0, 0.0]), torch.zeros(4)))[0]
        tensor([1., 1., 1., 1.])
    """
    z = torch.fft.fft(torch.complex(*h), norm="ortho")
    return z.real, z.imag


def inverse_fourier(h: Pair) -> Pair:
    """F^-1 h, which undoes `fourier`.

    Example:
        >>> import torch
        >>> from urnn.ladder.real_pairs import fourier, inverse_fourier
        >>> h = torch.randn(8), torch.randn(8)
        >>> torch.allclose(inverse_fourier(fourier(h))[1], h[1], atol=1e-5)
        True
    """
    z = torch.fft.ifft(torch.complex(*h), norm="ortho")
    return z.real, z.imag


def permute(h: Pair, permutation: Int[Tensor, " n"]) -> Pair:
    """Pi h: entry k of the result is entry permutation[k] of h.

    Example:
        >>> import torch
        >>> from urnn.ladder.real_pairs import permute
        >>> permute((torch.tensor([1.0, 2.0]), torch.zeros(2)), torch.tensor([1, 0]))[0]
        tensor([2., 1.])
    """
    real, imaginary = h
    return real[..., permutation], imaginary[..., permutation]


def modrelu_factor(z: Pair, b: Float[Tensor, " n"], epsilon: float) -> Float[Tensor, "*batch n"]:
    """What modReLU multiplies z by: relu(|z| + b) / (|z| + epsilon), and 0 where z is 0; see `urnn.activations`.

    Example:
        >>> import torch
        >>> from urnn.ladder.real_pairs import modrelu_factor
        >>> z = torch.tensor([3.0, 0.0]), torch.tensor([4.0, 0.0])
        >>> modrelu_factor(z, torch.tensor([5.0, 5.0]), epsilon=0.0)
        tensor([2., 0.])
    """
    real, imaginary = z
    squared = real * real + imaginary * imaginary
    # Taken out before the root, whose gradient at 0 is infinite and would turn a masked 0 into NaN.
    alive = squared > torch.finfo(b.dtype).tiny
    modulus = torch.where(alive, squared, 1).sqrt()
    return torch.where(alive, torch.relu(modulus + b) / (modulus + epsilon), 0)
