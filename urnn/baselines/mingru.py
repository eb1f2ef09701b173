"""The minGRU, a GRU whose gate and candidate do not look at the state (Feng et al. 2024, arXiv 2410.01201)."""

import torch
from torch import Tensor, nn

from urnn.baselines.interface import SequenceModule, States
from urnn.baselines.linear_recurrence import linear_recurrence
from urnn.shapes import Float


class MinGRU(SequenceModule):
    """h_t = (1 - z_t) h_{t-1} + z_t c_t, z_t = sigmoid(U x_t + a), c_t = g(V x_t + b).

    g keeps candidates positive: x + 1/2 where x >= 0, else sigmoid(x) (the paper's appendix B).

    Args:
        input_size, hidden_size: m and n.
        batch_first, device, dtype: as in nn.RNN.

    Inputs and outputs: as of `SequenceModule`; output and state are h, real (T, B, n) and (1, B, n). The first
    state is zero.

    Example:
        >>> import torch
        >>> from urnn.baselines import MinGRU
        >>> output, h_n = MinGRU(input_size=3, hidden_size=4)(torch.randn(5, 2, 3))
        >>> output.shape, h_n.shape
        (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, batch_first)
        self.hidden_size = hidden_size
        self.gate_and_candidate = nn.Linear(input_size, 2 * hidden_size, device=device, dtype=dtype)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"

    def first_state(self, x: Float[Tensor, "T B m"]) -> States:
        return (x.new_zeros(x.shape[1], self.hidden_size),)

    def run(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Float[Tensor, "T B n"], States]:
        gate, candidate = self.gate_and_candidate(x).chunk(2, dim=-1)
        candidate = torch.where(candidate >= 0, candidate + 0.5, candidate.sigmoid())
        states = linear_recurrence((-gate).sigmoid(), gate.sigmoid() * candidate, first[0])
        return states, (states,)
