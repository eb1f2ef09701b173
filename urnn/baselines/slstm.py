"""sLSTM, the LSTM with exponential gates (Beck et al. 2024, arXiv 2405.04517, section 2.2)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from urnn.shapes import Float

Parts = tuple[Tensor, Tensor, Tensor, Tensor]


class SLSTMCell(nn.Module):
    """One step of an sLSTM with one head; the state is (h, c, n, m), each (B, n).

        m' = max(f + m, i),  i* = exp(i - m'),  f* = exp(f + m - m'),
        c' = f* c + i* tanh(z),  n' = f* n + i*,  h' = sigmoid(o) c' / n',

    (z, i, f, o) = W x + R h + b, and f the logarithm of a sigmoid. m keeps the exponentials in range and changes
    no result.

    Args:
        input_size, hidden_size: m and n.
        device, dtype: as in nn.LSTMCell.

    Example:
        >>> import torch
        >>> from urnn.baselines.slstm import SLSTMCell
        >>> state = tuple(torch.zeros(2, 4) for _ in range(4))
        >>> [part.shape[1] for part in SLSTMCell(3, 4)(torch.randn(2, 3), state)]
        [4, 4, 4, 4]
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input = nn.Linear(input_size, 4 * hidden_size, device=device, dtype=dtype)
        self.recurrent = nn.Linear(hidden_size, 4 * hidden_size, bias=False, device=device, dtype=dtype)
        with torch.no_grad():  # forget gates open, from 3 to 6 over the units, as in the authors' code
            self.input.bias[2 * hidden_size : 3 * hidden_size] = torch.linspace(3, 6, hidden_size)

    def forward(self, x: Float[Tensor, "B m"], state: Parts) -> Parts:
        h, c, n, m = state
        z, i, f, o = (self.input(x) + self.recurrent(h)).chunk(4, dim=-1)
        kept = torch.where(n == 0, -torch.inf, logsigmoid(f) + m)  # n = 0 before the first step alone
        stabiliser = torch.maximum(kept, i)
        entering, forgetting = (i - stabiliser).exp(), (kept - stabiliser).exp()
        c = forgetting * c + entering * z.tanh()
        n = forgetting * n + entering
        return o.sigmoid() * c / n, c, n, stabiliser
