"""Sequences with a known answer: Gaussian inputs, and a quadratic net's outputs with noise.

They are drawn a chunk at a time, each from a generator of its own, so that ten million need no more memory than
ten thousand, and every walk over them meets the same ones.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from urnn.arguments import require_flag
from urnn.quantities import require_count, require_number
from urnn.shapes import Float
from urnn.spectral.quadratic import QuadraticRNN

CHUNK = 1 << 14


def gaussian_inputs(
    length: int, samples: int, size: int, rho: float = 0.0, generator: torch.Generator | None = None
) -> Float[Tensor, "T B m"]:
    """x_1 ~ N(0, I), x_t = rho x_{t-1} + sqrt(1 - rho^2) N(0, I): unit variance at every step; float64.

    Example:
        >>> import torch
        >>> from urnn.spectral.data import gaussian_inputs
        >>> gaussian_inputs(4, 100, 6, rho=0.3, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([4, 100, 6])
    """
    require_rho(rho)
    x = torch.randn(length, samples, size, dtype=torch.float64, generator=generator)
    if rho:
        x[1:] *= math.sqrt(1 - rho * rho)
        for before, now in itertools.pairwise(x):
            now += rho * before
    return x


def require_rho(rho: object) -> float:
    """The value as a float; TypeError or ValueError unless it is a number inside (-1, 1).

    Example:
        >>> from urnn.spectral.data import require_rho
        >>> require_rho(0.3)
        0.3
        >>> require_rho(1.0)
        Traceback (most recent call last):
        ValueError: rho must be above -1 and below 1, got 1.0
    """
    number = require_number("rho", rho)
    if not -1 < number < 1:
        raise ValueError(f"rho must be above -1 and below 1, got {rho}")
    return number


@dataclass(frozen=True)
class Sequences:
    """So many sequences of a net: to be walked over in chunks of (x, y), or drawn `whole`.

    Samples come first, as in scikit-learn: x is (n, T, m) and y (n, T, dy), float64. `shuffled` gives the outputs
    of each chunk to other sequences of it, so that x and y know nothing of each other.

    Raises:
        TypeError, ValueError: a length or number of samples that is no whole number of at least 1, noise that is
            no number of at least 0, rho that is not inside (-1, 1).

    Example:
        >>> import torch
        >>> from urnn.spectral import QuadraticRNN, Sequences
        >>> x, y = Sequences(QuadraticRNN(6, 3, 5, dtype=torch.float64), samples=100).whole()
        >>> x.shape, y.shape
        (torch.Size([100, 4, 6]), torch.Size([100, 4, 5]))
    """

    net: QuadraticRNN
    samples: int
    length: int = 4
    rho: float = 0.0
    noise: float = 0.1
    seed: int = 0
    shuffled: bool = False
    chunk: int = CHUNK

    def __post_init__(self) -> None:
        if not isinstance(self.net, QuadraticRNN):
            raise TypeError(f"net must be a QuadraticRNN, got {type(self.net).__name__}")
        require_flag("shuffled", self.shuffled)
        for name in ("samples", "length", "chunk"):
            require_count(name, getattr(self, name), 1)
        require_count("seed", self.seed, 0)
        require_number("noise", self.noise, 0.0)
        require_rho(self.rho)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for number, begin in enumerate(range(0, self.samples, self.chunk)):
            yield self._drawn(number, min(self.chunk, self.samples - begin))

    @torch.no_grad()
    def _drawn(self, number: int, samples: int) -> tuple[Tensor, Tensor]:
        # torch's generator takes 32 bits of a seed, which a seed and a number have to share
        (seed,) = np.random.SeedSequence([self.seed, number]).generate_state(1)
        generator = torch.Generator().manual_seed(int(seed))
        x = gaussian_inputs(self.length, samples, self.net.input_size, self.rho, generator)
        y = self.net(x.to(self.net.A1.dtype)).double()
        y += self.noise * torch.randn(y.shape, dtype=torch.float64, generator=generator)
        if self.shuffled:
            y = y[:, torch.randperm(samples, generator=generator)]
        return x.transpose(0, 1), y.transpose(0, 1)

    def whole(self) -> tuple[Tensor, Tensor]:
        """All of them at once."""
        x, y = zip(*self, strict=True)
        return torch.cat(x), torch.cat(y)
