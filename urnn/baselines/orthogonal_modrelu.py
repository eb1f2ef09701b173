"""Orthogonal RNNs as their authors run them: modReLU, and a first matrix of rotations.

expRNN (Lezcano-Casado, Martínez-Rubio 2019, arXiv 1901.08428) takes Q as a matrix exponential, scoRNN (Helfrich,
Willmott, Ye 2018, arXiv 1707.09520) as a Cayley transform; both put modReLU behind it. On a CPU a kernel of the
suite's own runs the sequence (`urnn.backends.dense`), elsewhere an eager loop. A step is one product and modReLU,
and the backward pass needs only the states. Known weakness: the eager loop's steps are queued from Python, one
call of the product's library and five of torch's a step, so that small states wait for calls.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence

from urnn.backends import dense, transforms
from urnn.backends.cpu.operator import OPERATORS
from urnn.baselines.folded import Folded
from urnn.baselines.interface import SequenceModule, State, States
from urnn.baselines.orthogonal_maps import parametrize_orthogonally
from urnn.shapes import Float

BACKENDS = ("cpu", "eager")


class OrthogonalModReLURNN(SequenceModule):
    """h_t = modReLU(Q h_{t-1} + V x_t; b) with Q real and orthogonal through every optimiser step.

    Args:
        input_size, hidden_size: m and n; Q is n x n and real.
        orthogonal_map: how an n x n parameter becomes Q; see `torch.nn.utils.parametrizations.orthogonal`.
        batch_first, device, dtype: as in nn.RNN.
        backend: "cpu" is the kernel, which has float32 and float64, "eager" the loop; "auto" is the kernel where
            there is one. `prepare` says which one runs.

    Inputs and outputs: as of `SequenceModule`; output and state are h, real (T, B, n) and (1, B, n). The first
    state is zero.

    Raises:
        ValueError: an orthogonal_map that torch does not have, or a backend that there is not; in a call, a dtype
            that is not the layer's, or a device that the backend is not for.

    Example:
        >>> import torch
        >>> from urnn.baselines import OrthogonalModReLURNN
        >>> rnn = OrthogonalModReLURNN(input_size=3, hidden_size=4)
        >>> output, h_n = rnn(torch.randn(5, 2, 3))
        >>> output.shape, h_n.shape
        (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        orthogonal_map: str = "matrix_exp",
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__(input_size, batch_first)
        if backend not in ("auto", *BACKENDS):
            raise ValueError(f"backend must be one of {['auto', *BACKENDS]}, got {backend!r}")
        self.hidden_size, self.orthogonal_map, self.backend = hidden_size, orthogonal_map, backend
        self.input = nn.Linear(input_size, hidden_size, bias=False, device=device, dtype=dtype)
        nn.init.kaiming_normal_(self.input.weight)  # expRNN's
        self.b = nn.Parameter(torch.zeros(hidden_size, device=device, dtype=dtype))
        self.recurrent = nn.Linear(hidden_size, hidden_size, bias=False, device=device, dtype=dtype)
        parametrize_orthogonally(self.recurrent, orthogonal_map)
        self._folded = Folded[Tensor]()
        start_from_rotations(self, henaff_angles)

    @property
    def Q(self) -> Float[Tensor, "n n"]:  # noqa: N802 - a matrix
        """The orthogonal recurrent matrix; without gradients it is made once for the parameters as they are."""
        if (plain := self.recurrent._parameters.get("weight")) is not None:  # whoever serves it has folded it
            return plain
        made_of = cast(nn.Module, self.recurrent.parametrizations)
        return self._folded([*made_of.parameters(), *made_of.buffers()], lambda: self.recurrent.weight)

    def extra_repr(self) -> str:
        sizes = f"{self.input_size}, {self.hidden_size}"
        return f"{sizes}, orthogonal_map={self.orthogonal_map!r}, backend={self.backend!r}"

    def prepare(self) -> str:
        """The backend that runs where the parameters are, with its kernel built."""
        return self._backend(self.b)

    def _backend(self, like: Tensor) -> str:
        if self.backend == "eager":
            return "eager"
        if dense.applies(like.device.type, like.dtype):
            return "cpu"
        if self.backend == "cpu" and not like.is_meta:
            raise ValueError(
                f"backend 'cpu' cannot run {like.dtype} on {like.device.type} here; use backend='auto' or 'eager'"
            )
        return "eager"

    def first_state(self, x: Float[Tensor, "T B m"]) -> States:
        return (x.new_zeros(x.shape[1], self.hidden_size),)

    def forward(
        self, input: Tensor | PackedSequence, state: State | None = None
    ) -> tuple[Tensor | PackedSequence, State]:
        streamed = self._streamed(input, state)
        return super().forward(input, state) if streamed is None else streamed

    def _streamed(self, x: Any, h: Any) -> tuple[Tensor, Tensor] | None:
        """What `forward` returns, by an operator that is C from end to end; None unless this is the plain case."""
        if torch.is_grad_enabled() or type(x) is not Tensor or type(h) is not Tensor or transforms.watched():
            return None
        operators = OPERATORS.get(x.dtype)
        if operators is None or self.backend == "eager" or not x.is_cpu or x.dim() != 3:
            return None
        turned = self.batch_first
        try:
            states, last = operators.dense_stream(
                x.transpose(0, 1) if turned else x, h, self.Q, self.input.weight, self.b
            )
        except RuntimeError:  # arguments that the operator does not take
            return None
        return states.transpose(0, 1) if turned else states, last

    def run(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Float[Tensor, "T B n"], States]:
        states, _ = self._sequence(x, first[0])
        return states, (states,)

    def run_to_end(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Float[Tensor, "T B n"], States]:
        states, last = self._sequence(x, first[0])
        return states, (last,)

    def _sequence(
        self, x: Float[Tensor, "T B m"], h_0: Float[Tensor, "B n"]
    ) -> tuple[Float[Tensor, "T B n"], Float[Tensor, "B n"]]:
        V, b = self.input.weight, self.b  # noqa: N806 - a matrix
        if self._backend(x) == "cpu":
            return dense.run_sequence(x, h_0, self.Q, V, b)
        if transforms.active() or transforms.forward_mode():
            return dense.by_operators(x, h_0, self.Q, V, b)
        states = _ModReLUSequence.apply(self.input(x), h_0, self.Q, b)
        return states, states[-1]


class _ModReLUSequence(torch.autograd.Function):
    """All states of h_t = modReLU(Q h_{t-1} + z_t; b), real; its gradients from the states alone.

    As in `urnn.activations.modrelu`, what enters modReLU as 0 leaves it as 0, and passes no gradient.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, h_0: Tensor, Q: Tensor, b: Tensor) -> Tensor:  # noqa: N803 - a matrix
        states, turned, modulus = torch.empty_like(z), Q.mT.contiguous(), torch.empty_like(h_0)
        h = h_0
        for z_t, state in zip(z, states, strict=True):
            torch.addmm(z_t, h, turned, out=state)
            torch.abs(state, out=modulus)
            torch.clamp_min_(modulus.add_(b), 0)
            torch.mul(modulus, state.sign_(), out=state)
            h = state
        ctx.save_for_backward(states, h_0, Q)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        states, h_0, Q = ctx.saved_tensors  # noqa: N806
        z_gradient = torch.empty_like(states)
        carry = torch.zeros_like(h_0)
        for of_output, of_z, state in zip(
            gradient.flip(0), reversed(z_gradient.unbind()), reversed(states.unbind()), strict=True
        ):
            torch.add(of_output, carry, out=of_z).masked_fill_(state == 0, 0)
            torch.mm(of_z, Q, out=carry)
        before = torch.cat([h_0.unsqueeze(0), states[:-1]])
        Q_gradient = z_gradient.flatten(0, 1).mT @ before.flatten(0, 1)  # noqa: N806
        b_gradient = (z_gradient * states.sign()).sum((0, 1))
        return z_gradient, carry, Q_gradient, b_gradient


Angles = Callable[[int], Tensor]


def henaff_angles(count: int) -> Float[Tensor, " count"]:
    """Uniform in (-pi, pi) (Henaff, Szlam, LeCun 2016, arXiv 1602.06662).

    Example:
        >>> from urnn.baselines.orthogonal_modrelu import henaff_angles
        >>> bool((henaff_angles(100).abs() <= 3.15).all())
        True
    """
    return torch.empty(count).uniform_(-math.pi, math.pi)


def cayley_angles(count: int) -> Float[Tensor, " count"]:
    """Those of scoRNN's first matrix: uniform in (0, pi / 2), with a sign drawn for each.

    The paper draws u from U(0, pi / 2) and fills skew-symmetric blocks with s = sqrt((1 - cos u) / (1 + cos u)),
    whose Cayley transform turns by 2 atan(s) = u.

    Example:
        >>> from urnn.baselines.orthogonal_modrelu import cayley_angles
        >>> bool((cayley_angles(100).abs() <= 1.58).all())
        True
    """
    return torch.empty(count).uniform_(0, math.pi / 2) * (2 * torch.randint(2, (count,)) - 1)


@torch.no_grad()
def start_from_rotations(rnn: Any, angles: Angles) -> None:
    """Sets an orthogonal RNN's Q to 2 x 2 rotations along the diagonal, by angles drawn from torch's generator.

    Example:
        >>> from urnn.baselines import OrthogonalRNN
        >>> from urnn.baselines.orthogonal_modrelu import henaff_angles, start_from_rotations
        >>> rnn = OrthogonalRNN(3, 4)
        >>> start_from_rotations(rnn, henaff_angles)
        >>> bool((rnn.Q[:2, 2:].abs() < 1e-6).all())
        True
    """
    n, weight = rnn.Q.shape[0], rnn.Q
    drawn = angles(n // 2).to(weight)
    blocks = torch.stack([drawn.cos(), -drawn.sin(), drawn.sin(), drawn.cos()], dim=-1).view(-1, 2, 2)
    parts = [*blocks, *([torch.ones(1, 1).to(weight)] if n % 2 else [])]
    rnn.recurrent.weight = torch.block_diag(*parts)
