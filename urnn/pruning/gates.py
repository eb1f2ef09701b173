"""Hard concrete gates: random switches in [0, 1] that are exactly 0 or 1 at times, and yet have gradients.

Louizos, Welling, Kingma 2018 (arXiv 1712.01312), section 2.2:

    s = sigmoid((log u - log(1 - u) + log a) / beta),   z = clip(s (zeta - gamma) + gamma, 0, 1),   u ~ U(0, 1)

so that P(z != 0) = sigmoid(log a - beta log(-gamma / zeta)), and without a draw z is taken at s = sigmoid(log a).
"""

import math

import torch
from torch import Tensor, nn

from urnn.quantities import require_count, require_number
from urnn.shapes import Float

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1
EPSILON = 1e-6  # u is kept so far from 0 and 1, whose logarithms are infinite
SHIFT = BETA * math.log(-GAMMA / ZETA)


class HardConcrete(nn.Module):
    """Gates with a learned log a, one each.

    Args:
        count: gates.
        first: the first log a of all; 2 leaves a gate open in 97 of 100 draws.

    Raises:
        TypeError, ValueError: count is no whole number of at least 1, or first no finite number.

    Example:
        >>> import torch
        >>> from urnn.pruning import HardConcrete
        >>> gates = HardConcrete(3)
        >>> gates.draw(5).shape  # a draw for each of 5 sequences
        torch.Size([5, 3])
        >>> gates.settled()
        tensor([0.9570, 0.9570, 0.9570], grad_fn=<ClampBackward1>)
    """

    def __init__(
        self,
        count: int,
        first: float = 2.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        count, first = require_count("count", count, 1), require_number("first", first)
        self.log_a = nn.Parameter(torch.full((count,), first, device=device, dtype=dtype))

    def draw(self, sequences: int) -> Float[Tensor, "{sequences} gates"]:
        """A value of every gate for each of so many sequences, by torch's generator."""
        u = torch.empty(sequences, *self.log_a.shape, device=self.log_a.device, dtype=self.log_a.dtype)
        u.uniform_(EPSILON, 1 - EPSILON)
        return _stretched(torch.sigmoid((torch.logit(u) + self.log_a) / BETA))

    def settled(self) -> Float[Tensor, " gates"]:
        """The values that are used once training is over; a gate at 0 is closed for good."""
        return _stretched(torch.sigmoid(self.log_a))

    def open_probability(self) -> Float[Tensor, " gates"]:
        """P(z != 0) of a draw."""
        return torch.sigmoid(self.log_a - SHIFT)

    def extra_repr(self) -> str:
        return f"{self.log_a.numel()}"


def _stretched(s: Tensor) -> Tensor:
    return (s * (ZETA - GAMMA) + GAMMA).clamp(0, 1)
