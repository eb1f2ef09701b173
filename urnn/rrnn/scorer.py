"""What says how good a candidate is, from its vector alone."""

import torch
from torch import Tensor, nn

from urnn.shapes import Float


class Scorer(nn.Module):
    """The score of a vector a, w relu(W a + c); a constant beside it would change no softmax.

    Example:
        >>> import torch
        >>> from urnn.rrnn.scorer import Scorer
        >>> Scorer(100, 64)(torch.randn(2, 5, 100)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        hidden_size: int,
        width: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(hidden_size, width, device=device, dtype=dtype)
        self.out = nn.Linear(width, 1, bias=False, device=device, dtype=dtype)

    def forward(self, a: Float[Tensor, "*B n"]) -> Float[Tensor, "*B"]:
        return self.out(self.hidden(a).relu()).squeeze(-1)
