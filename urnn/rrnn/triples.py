"""What every node of every tree is made with: l triples (L_k, R_k, b_k), shared by all samples and steps."""

import torch
from torch import Tensor, nn

from urnn.shapes import Float


class Triples(nn.Module):
    """The triples of a cell; the fourth starts as the identity (I, I, 0), which the GRU's tree needs.

    Attributes:
        L, R: (l, n, n), applied to row vectors from the right.
        b: (l, n), zero at first.

    Example:
        >>> from urnn.rrnn.triples import Triples
        >>> Triples(4, 8).L[3].trace()
        tensor(8., grad_fn=<TraceBackward0>)
    """

    def __init__(
        self,
        triples: int,
        hidden_size: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        shape = triples, hidden_size, hidden_size
        self.L = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.R = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.b = nn.Parameter(torch.zeros(shape[:2], device=device, dtype=dtype))
        for weight in (self.L, self.R):
            nn.init.uniform_(weight, -(hidden_size**-0.5), hidden_size**-0.5)
            if triples > 3:
                nn.init.eye_(weight.data[3])

    def __len__(self) -> int:
        return len(self.b)

    @property
    def sides(self) -> Float[Tensor, "n k"]:
        """All L_k and R_k beside each other, so that one product of a vector is that with every one of them."""
        return torch.cat([self.L, self.R]).transpose(0, 1).flatten(1)

    def products(self, s: Float[Tensor, "*B n"]) -> Float[Tensor, "two *B l n"]:
        """s L_k and s R_k for every k."""
        return (s @ self.sides).unflatten(-1, (2, *self.b.shape)).movedim(-3, 0)
