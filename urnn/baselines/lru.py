"""The LRU, a recurrence that is linear and diagonal in complex numbers (Orvieto et al. 2023, arXiv 2303.06349)."""

import math

import torch
from torch import Tensor, nn

from urnn.baselines.folded import Folded
from urnn.baselines.interface import SequenceModule, States
from urnn.baselines.linear_recurrence import linear_recurrence
from urnn.shapes import Complex, Float
from urnn.unitary import to_complex, to_pair


class LRU(SequenceModule):
    """h_t = diag(lambda) h_{t-1} + gamma B x_t, complex, with |lambda| = exp(-exp(nu)) < 1; output [Re h; Im h].

    Args:
        input_size, hidden_size: m and n complex units.
        radius: (least, most) of |lambda| at first, which is uniform on that ring.
        batch_first, device, dtype: as in nn.RNN.

    Parameters (real): nu and angle, the logarithms of -log |lambda| and of lambda's angle; gamma, a logarithm too,
    at first that of sqrt(1 - |lambda|^2), so that the state has the size of its input; B (2n, m), its real and
    imaginary rows.

    Inputs and outputs: as of `SequenceModule`; output and state are real, (T, B, 2n) and (1, B, 2n). The first
    state is zero. A read-out of [Re h; Im h] is the paper's Re(C h).

    Raises:
        ValueError: a radius that is not within 0 and 1.

    Example:
        >>> import torch
        >>> from urnn.baselines import LRU
        >>> output, h_n = LRU(input_size=3, hidden_size=4)(torch.randn(5, 2, 3))
        >>> output.shape, h_n.shape
        (torch.Size([5, 2, 8]), torch.Size([1, 2, 8]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        radius: tuple[float, float] = (0.9, 0.999),
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, batch_first)
        self.hidden_size = hidden_size
        self.nu, self.angle, self.gamma = (
            nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype)) for _ in range(3)
        )
        self.B = nn.Parameter(torch.empty(2 * hidden_size, input_size, device=device, dtype=dtype))
        nn.init.normal_(self.B, std=1 / math.sqrt(2 * input_size))
        self._folded = Folded[tuple[Tensor, ...]]()
        self.start_on_ring(*radius)

    @torch.no_grad()
    def start_on_ring(self, least: float, most: float) -> None:
        """Draws lambda uniformly from the ring of these radii, and gamma to go with it (the paper's lemma 3.2)."""
        if not 0 <= least < most < 1:
            raise ValueError(f"radius must be two numbers with 0 <= least < most < 1, got {(least, most)}")
        squared = torch.empty_like(self.nu).uniform_(least**2, most**2)
        self.nu.copy_((-0.5 * squared.log()).log())
        self.angle.uniform_(0, 2 * math.pi).log_()
        self.gamma.copy_((1 - squared).sqrt().log())

    @property
    def eigenvalues(self) -> Complex[Tensor, " n"]:
        """lambda, the diagonal of the recurrent matrix."""
        return torch.polar((-self.nu.exp()).exp(), self.angle.exp())

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"

    def first_state(self, x: Float[Tensor, "T B m"]) -> States:
        return (x.new_zeros(x.shape[1], 2 * self.hidden_size),)

    def _recurrence(self) -> tuple[Tensor, ...]:
        """lambda, and B with gamma in it."""
        return self.eigenvalues, self.B * self.gamma.exp().repeat(2).unsqueeze(-1)

    def run(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Float[Tensor, "T B re_im"], States]:
        eigenvalues, B = self._folded(list(self.parameters()), self._recurrence)  # noqa: N806 - the paper's letter
        states = to_pair(linear_recurrence(eigenvalues, to_complex(x @ B.mT), to_complex(first[0])))
        return states, (states,)
