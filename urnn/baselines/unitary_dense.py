"""The uRNN's own kin: other ways to a unitary matrix, with its modReLU.

The full-capacity uRNN (Wisdom et al. 2016, arXiv 1611.00035) trains any unitary matrix, n^2 parameters; EUNN (Jing
et al. 2017, arXiv 1612.05231) takes a product of few layers of rotations, as many as its capacity says. Without
gradients W is made once for the parameters as they are. Known weakness: the steps are an eager loop; their seconds
are not a kernel's.
"""

import math

import torch
from torch import Tensor, nn

from urnn.activations import modrelu
from urnn.baselines.folded import Folded
from urnn.baselines.interface import SequenceModule, States
from urnn.shapes import Complex, Float
from urnn.unitary import phases, to_complex, to_pair


class _UnitaryRNN(SequenceModule):
    """h_t = modReLU(W h_{t-1} + V x_t; b), from a first state of zero.

    The state is complex, (1, B, n), the output real, [Re h; Im h], as of `URNN`.
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
        self.V = nn.Parameter(torch.empty(2 * hidden_size, input_size, device=device, dtype=dtype))
        self.b = nn.Parameter(torch.zeros(hidden_size, device=device, dtype=dtype))
        nn.init.xavier_uniform_(self.V)
        self._folded = Folded[Tensor]()

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"

    @property
    def W(self) -> Complex[Tensor, "n n"]:  # noqa: N802 - a matrix
        """The unitary recurrent matrix."""
        raise NotImplementedError

    def made_of(self) -> list[Tensor]:
        """The tensors that W depends on."""
        raise NotImplementedError

    def first_state(self, x: Float[Tensor, "T B m"]) -> States:
        return (x.new_zeros(x.shape[1], self.hidden_size, dtype=x.dtype.to_complex()),)

    def run(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Float[Tensor, "T B re_im"], States]:
        h, seen, turned = first[0], [], self._folded(self.made_of(), lambda: self.W).mT
        for driven in to_complex(x @ self.V.mT):
            h = modrelu(torch.addmm(driven, h, turned), self.b)
            seen.append(h)
        states = torch.stack(seen)
        return to_pair(states), (states,)


class FullCapacityURNN(_UnitaryRNN):
    """A uRNN whose W is any unitary matrix: the Cayley transform of a skew-Hermitian one, times its first value.

    Its n^2 real parameters are S's real parts above the diagonal and its imaginary parts on and below it, zero at
    first; W = (I + S)^-1 (I - S) W_0, W_0 drawn at random.

    Args:
        input_size, hidden_size: m and n complex units.
        batch_first, device, dtype: as in nn.RNN.

    Inputs and outputs: as of `SequenceModule`; output real (T, B, 2n), state complex (1, B, n).

    Example:
        >>> import torch
        >>> from urnn.baselines import FullCapacityURNN
        >>> rnn = FullCapacityURNN(input_size=3, hidden_size=4)
        >>> torch.allclose(rnn.W @ rnn.W.mH, torch.eye(4, dtype=torch.complex64), atol=1e-5)
        True
    """

    start: Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, batch_first, device, dtype)
        self.skew = nn.Parameter(torch.zeros(hidden_size, hidden_size, device=device, dtype=dtype))
        drawn = torch.randn(hidden_size, hidden_size, dtype=torch.complex128)
        self.register_buffer("start", torch.linalg.qr(drawn)[0].to(device, self.V.dtype.to_complex()))

    @property
    def W(self) -> Complex[Tensor, "n n"]:  # noqa: N802 - a matrix
        upper, lower = self.skew.triu(1), self.skew.tril(-1)
        S = torch.complex(upper - upper.mT, lower + lower.mT + self.skew.diag().diag())  # noqa: N806
        eye = torch.eye(self.hidden_size, dtype=S.dtype, device=S.device)
        return torch.linalg.solve(eye + S, eye - S) @ self.start.to(S.dtype)  # which .float() leaves alone

    def made_of(self) -> list[Tensor]:
        return [self.skew, self.start]


class EUNN(_UnitaryRNN):
    """A uRNN whose W is diag(exp(i phase)) times `capacity` layers of 2 x 2 rotations of neighbouring units.

    Layers turn the pairs (0, 1), (2, 3), ... and (1, 2), (3, 4), ... by turns. A rotation has an angle and a phase
    phi: [[exp(i phi) cos, -exp(i phi) sin], [sin, cos]].

    Args:
        input_size, hidden_size: m and n complex units, at least 2.
        capacity: layers of rotations.
        batch_first, device, dtype: as in nn.RNN.

    Raises:
        ValueError: a hidden_size below 2 or a capacity below 1.

    Example:
        >>> import torch
        >>> from urnn.baselines import EUNN
        >>> rnn = EUNN(input_size=3, hidden_size=5)
        >>> torch.allclose(rnn.W @ rnn.W.mH, torch.eye(5, dtype=torch.complex64), atol=1e-5)
        True
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        capacity: int = 2,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, batch_first, device, dtype)
        if hidden_size < 2 or capacity < 1:
            raise ValueError(
                "EUNN needs hidden_size of at least 2 and capacity of at least 1, "
                f"got {hidden_size} and {capacity}"
            )
        pairs = [(hidden_size - layer % 2) // 2 for layer in range(capacity)]
        self.rotations = nn.ParameterList(
            nn.Parameter(torch.empty(2, count, device=device, dtype=dtype)) for count in pairs
        )
        self.phase = nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))
        for parameter in (*self.rotations, self.phase):
            nn.init.uniform_(parameter, -math.pi, math.pi)

    @property
    def W(self) -> Complex[Tensor, "n n"]:  # noqa: N802 - a matrix
        """W applied to every unit vector: dense products are faster than a step of rotations at these sizes."""
        columns = torch.eye(self.hidden_size, dtype=self.V.dtype.to_complex(), device=self.V.device)
        for layer, (angle, phi) in enumerate(self.rotations):
            columns = _rotated(columns, angle, phi, layer % 2)
        return phases(self.phase).unsqueeze(-1) * columns

    def made_of(self) -> list[Tensor]:
        return [*self.rotations, self.phase]


def _rotated(h: Complex[Tensor, "n k"], angle: Tensor, phi: Tensor, first: int) -> Complex[Tensor, "n k"]:
    """Rows first and first + 1, first + 2 and first + 3, ... turned."""
    end = first + 2 * len(angle)
    upper, lower = h[first:end:2], h[first + 1 : end : 2]
    cos, sin, turn = angle.cos().unsqueeze(-1), angle.sin().unsqueeze(-1), phases(phi).unsqueeze(-1)
    pairs = torch.stack([turn * (cos * upper - sin * lower), sin * upper + cos * lower], dim=1)
    return torch.cat([h[:first], pairs.flatten(0, 1), h[end:]])
