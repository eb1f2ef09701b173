"""The GRU that resets before the product (Cho et al. 2014), whose tree the RRNN's structures are compared with.

    z = sigmoid(W_z x + U_z h + b_z)
    r = sigmoid(W_r x + U_r h + b_r)
    c = tanh(W_c x + U_c (r * h) + b_c)
    h' = (1 - z) * c + z * h

torch's nn.GRU resets after the product, c = tanh(W_c x + r * (U_c h)), and is another function.
"""

import torch
from torch import Tensor, nn

from urnn.arguments import require_dtype, require_flag
from urnn.baselines.interface import SequenceModule, States
from urnn.quantities import require_count
from urnn.shapes import Float


class ResetBeforeGRU(SequenceModule):
    """A layer of that GRU.

    Args:
        input_size, hidden_size: m and n.
        batch_first, device, dtype: as in nn.GRU.

    Inputs and outputs: as of `SequenceModule`; output and state are h, real (T, B, n) and (1, B, n). The first
    state is zero.

    Raises:
        TypeError, ValueError: an argument that is none.

    Example:
        >>> import torch
        >>> from urnn.rrnn import ResetBeforeGRU
        >>> output, h_n = ResetBeforeGRU(input_size=3, hidden_size=4)(torch.randn(5, 2, 3))
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
        require_count("input_size", input_size, 1)
        require_count("hidden_size", hidden_size, 1)
        require_flag("batch_first", batch_first)
        require_dtype(dtype or torch.get_default_dtype())
        super().__init__(input_size, batch_first)
        self.hidden_size = hidden_size
        self.W = nn.Parameter(torch.empty(3 * hidden_size, input_size, device=device, dtype=dtype))  # z, r, c
        self.U = nn.Parameter(torch.empty(3 * hidden_size, hidden_size, device=device, dtype=dtype))
        self.b = nn.Parameter(torch.zeros(3 * hidden_size, device=device, dtype=dtype))
        for weight in (self.W, self.U):  # as in nn.GRU
            nn.init.uniform_(weight, -(hidden_size**-0.5), hidden_size**-0.5)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"

    def first_state(self, x: Float[Tensor, "T B m"]) -> States:
        return (x.new_zeros(x.shape[1], self.hidden_size),)

    def run(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Float[Tensor, "T B n"], States]:
        h, states = first[0], []
        for entering in self._entering(x):
            h = self._step(entering, h)[-1]
            states.append(h)
        output = torch.stack(states)
        return output, (output,)

    def nodes(self, x: Float[Tensor, "T B m"]) -> Float[Tensor, "T B 9 n"]:
        """The vectors of the nodes of `tree.GRU_TREE`, in its order, at every step from a state of zero."""
        h, steps = self.first_state(x)[0], []
        for entering in self._entering(x):
            z, r, reset, c, one_minus, new, kept, h = self._step(entering, h)
            steps.append(torch.stack([z, r, z, reset, c, one_minus, new, kept, h], dim=1))
        return torch.stack(steps)

    def _entering(self, x: Float[Tensor, "T B m"]) -> Float[Tensor, "T B k"]:
        return torch.nn.functional.linear(x, self.W, self.b)

    def _step(self, entering: Float[Tensor, "B k"], h: Float[Tensor, "B n"]) -> tuple[Tensor, ...]:
        """z, r, h * r, c, 1 - z, c * (1 - z), h * z and h'."""
        n = self.hidden_size
        gates = (entering[:, : 2 * n] + h @ self.U[: 2 * n].T).sigmoid()
        z, r = gates[:, :n], gates[:, n:]
        reset = h * r
        c = (entering[:, 2 * n :] + reset @ self.U[2 * n :].T).tanh()
        one_minus = 1 - z
        new, kept = c * one_minus, h * z
        return z, r, reset, c, one_minus, new, kept, new + kept
