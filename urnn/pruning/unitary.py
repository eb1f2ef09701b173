"""Units of a uRNN selected: the net gets smaller, and its matrix stops being unitary.

A gate z on each unit makes the matrix W diag(z), and what is left of it when closed units are cut is a part of
a unitary matrix. Neither keeps norms: singular values fall below 1, states fade, and gradients with them. The
part has no fast form either: k units need 2k^2 real numbers where W had 7n, and O(k^2) work a step.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from urnn.activations import modrelu
from urnn.baselines.interface import SequenceModule, States
from urnn.layer import URNNLayer, layers_of
from urnn.pruning.calls import in_own_precision, require_complex_call, require_real_dtype
from urnn.pruning.compaction import Compacted, cut_linear, require_open, require_read_out
from urnn.pruning.neurons import FIRST_LOG_A, INPUT_MULTIPLIER, UNIT_MULTIPLIER, ConcreteGates
from urnn.quantities import require_count
from urnn.rnn import URNN
from urnn.shapes import Complex, Float
from urnn.unitary import apply, to_complex, to_pair


class NotUnitaryWarning(UserWarning):
    """A net was built whose matrix was cut out of a unitary one and is not unitary itself.

    Example:
        >>> from urnn.pruning import NotUnitaryWarning
        >>> issubclass(NotUnitaryWarning, UserWarning)
        True
    """


class ContractedRNN(SequenceModule):
    """h_t = modReLU(W h_{t-1} + V x_t; b) with any W, used like `URNN`: what is left of one whose units were cut.

    Warns with `NotUnitaryWarning`, and W's singular values, where it is built from a W that is not unitary.

    Args:
        W: (k, k) complex.
        V: (2k, m), b: (k,), h_0: (2k,): as in `URNN`.
        epsilon: of modReLU's divisor.

    Raises:
        ValueError: parts that do not belong together; where it is called, an input or a state of another dtype.
        TypeError, RuntimeError: an input or a state that is no tensor, or of another size.

    Example:
        >>> import torch
        >>> from urnn.pruning import ContractedRNN
        >>> W = torch.eye(3, dtype=torch.complex64)  # unitary, so that nothing is said
        >>> rnn = ContractedRNN(W, V=torch.randn(6, 2), b=torch.zeros(3), h_0=torch.zeros(6))
        >>> output, h_n = rnn(torch.randn(7, 4, 2))
        >>> output.shape, h_n.shape
        (torch.Size([7, 4, 6]), torch.Size([1, 4, 3]))
        >>> rnn.singular_values()
        tensor([1., 1., 1.])
    """

    def __init__(
        self,
        W: Tensor,  # noqa: N803 - the paper's letters
        V: Tensor,  # noqa: N803
        b: Tensor,
        h_0: Tensor,
        *,
        epsilon: float = 0.0,
        batch_first: bool = False,
    ) -> None:
        _require_parts(W, V, b, h_0)
        super().__init__(V.shape[1], batch_first)
        self.hidden_size, self.epsilon = len(b), epsilon
        self.W = nn.Parameter(torch.view_as_real(W.detach().resolve_conj()).clone())  # real, as optimisers want it
        self.V, self.b, self.h_0 = (nn.Parameter(part.detach().clone()) for part in (V, b, h_0))
        found = self.singular_values()
        if (found - 1).abs().max() > len(b) * 10 * torch.finfo(found.dtype).eps:
            warnings.warn(
                f"the matrix of these {len(b)} units is not unitary: its singular values are {_shown(found)}, "
                "so that states and gradients fade",
                NotUnitaryWarning,
                stacklevel=2,
            )

    def dense(self) -> Complex[Tensor, "k k"]:
        """W."""
        return torch.view_as_complex(self.W)

    @torch.no_grad()
    def singular_values(self) -> Float[Tensor, " k"]:
        """W's, largest first; of a unitary matrix all are 1."""
        return torch.linalg.svdvals(self.dense())

    def forward(self, input: Tensor | PackedSequence, state: Any = None) -> Any:
        require_complex_call("ContractedRNN", input, state, self.V.dtype)
        with in_own_precision(input, self.V.dtype) as x:
            return super().forward(x, state)

    def first_state(self, x: Float[Tensor, "T B m"]) -> States:
        return (to_complex(self.h_0).expand(x.shape[1], -1),)

    def run(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Tensor, States]:
        h, seen, turned = first[0], [], self.dense().mT
        for driven in to_complex(x @ self.V.mT):
            h = modrelu(torch.addmm(driven, h, turned), self.b, self.epsilon)
            seen.append(h)
        states = torch.stack(seen)
        return to_pair(states), (states,)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"


class UnitarySelection(ConcreteGates):
    """A `URNN` whose inputs and units stand under hard concrete gates; see `NeuronSelection`, with which it shares
    gates, penalty and settings. A unit is a complex number under one gate.

    Args:
        urnn: one layer, one direction, all output steps. It is trained in place, not copied.

    Raises:
        TypeError, ValueError: another module, several layers or two directions, a multiplier below 0; where it is
            called, parameters in half precision or an input of another dtype.

    Example:
        >>> import torch
        >>> from urnn import URNN
        >>> from urnn.pruning import UnitarySelection
        >>> selection = UnitarySelection(URNN(3, 8))
        >>> output, h_n = selection(torch.randn(5, 2, 3))
        >>> output.shape, h_n.shape
        (torch.Size([5, 2, 16]), torch.Size([1, 2, 8]))
        >>> bool((selection.singular_values() < 1).all())  # with every gate at 0.96
        True
    """

    def __init__(
        self,
        urnn: URNN,
        *,
        input_multiplier: float = INPUT_MULTIPLIER,
        unit_multiplier: float = UNIT_MULTIPLIER,
        first_log_a: float = FIRST_LOG_A,
    ) -> None:
        _require_urnn(urnn)
        super().__init__(urnn.input_size, urnn.hidden_size, batch_first=urnn.batch_first)
        self.urnn = urnn
        self._add_gates(self.layer.V, input_multiplier, unit_multiplier, first_log_a)

    @property
    def layer(self) -> URNNLayer:
        """The one layer, with its parameters."""
        return layers_of(self.urnn.layers)[0]

    def forward(self, input: Tensor | PackedSequence, hx: Tensor | None = None) -> Any:
        require_complex_call("UnitarySelection", input, hx, self.layer.V.dtype)
        with in_own_precision(input, self.layer.V.dtype) as x:
            return _Steps(self)(x, hx)

    def compact(self, read_out: nn.Linear | None = None) -> Compacted:
        """See `Selection.compact`; the net is a `ContractedRNN`, which warns that it is not unitary."""
        require_real_dtype("UnitarySelection", self.layer.V.dtype)
        layer, (inputs, gate) = self.layer, [gate.detach() for gate in self.settled_gates()]
        kept_inputs, kept = require_open([inputs, gate], self._nothing_left)
        require_read_out(read_out, 2 * self.hidden_size)
        scale, pairs = gate[kept], torch.cat([kept, kept + self.hidden_size])
        with torch.no_grad():
            rnn = ContractedRNN(
                self._cut_matrix(gate, kept),
                layer.V[pairs][:, kept_inputs] * inputs[kept_inputs],
                layer.b[kept],
                layer.h_0[pairs],
                epsilon=layer.preset.epsilon,
                batch_first=self.batch_first,
            )
        cut_out = None if read_out is None else cut_linear(read_out, pairs, scale.repeat(2))
        return Compacted(rnn, cut_out, kept_inputs, [kept], [scale], self.input_size, self.hidden_size)

    @torch.no_grad()
    def singular_values(self) -> Float[Tensor, " k"]:
        """Of the matrix that `compact` would leave, largest first; none where it would leave nothing."""
        gate = self.settled_gates()[1]
        return torch.linalg.svdvals(self._cut_matrix(gate, (gate > 0).nonzero().flatten()))

    def _cut_matrix(self, gate: Tensor, kept: Tensor) -> Complex[Tensor, "k k"]:
        """The kept rows and columns of W diag(z)."""
        return self.layer.W.dense()[kept][:, kept] * gate[kept]

    def _expected_weights(self, probabilities: Sequence[Tensor], outputs: int) -> float:
        """V, the matrix without its fast form, b and h_0; the read-out reads two numbers of a unit."""
        outputs = require_count("outputs", outputs, 0)
        inputs, own = probabilities
        units = own.sum()
        pairs = units.square() + (own * (1 - own)).sum()
        total = 2 * inputs.sum() * units + 2 * pairs + 3 * units
        return float(total + outputs * (2 * units + 1 if outputs else 0))


class _Steps(SequenceModule):
    """One call of a gated net; batches and packed sequences are `SequenceModule`'s."""

    def __init__(self, selection: UnitarySelection) -> None:
        super().__init__(selection.input_size, selection.batch_first)
        self.selection = selection

    @property
    def shown_name(self) -> str:
        return "UnitarySelection"

    def first_state(self, x: Float[Tensor, "T B m"]) -> States:
        """Called once, before the steps, so that the gates are drawn here."""
        self.gates = self.selection.gates(x.shape[1])
        return (self.gates[1] * to_complex(self.selection.layer.h_0).expand(x.shape[1], -1),)

    def run(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Tensor, States]:
        layer, (inputs, gate) = self.selection.layer, self.gates
        driven_by = to_complex((x.masked_fill(inputs == 0, 0) * inputs) @ layer.V.mT)  # NaN may be behind a gate
        if driven_by.shape[1] == 0:  # torch's FFT refuses no sequences; they have no states to compute
            return to_pair(driven_by), (driven_by,)
        factors, h, seen = layer.W.factors(), first[0].masked_fill(gate == 0, 0), []
        for driven in driven_by:
            h = gate * modrelu(apply(h, *factors) + driven, layer.b, layer.preset.epsilon)
            seen.append(h)
        states = torch.stack(seen)
        return to_pair(states), (states,)


def _shown(singular_values: Tensor) -> str:
    return f"{float(singular_values.min()):.3f} to {float(singular_values.max()):.3f}"


def _require_parts(W: Tensor, V: Tensor, b: Tensor, h_0: Tensor) -> None:  # noqa: N803
    k = W.shape[0] if W.dim() == 2 else 0
    if k == 0 or W.shape[1] != k or V.dim() != 2 or len(V) != 2 * k or b.shape != (k,) or h_0.shape != (2 * k,):
        given = ", ".join(str(tuple(part.shape)) for part in (W, V, b, h_0))
        raise ValueError(f"W, V, b and h_0 must be (k, k), (2k, m), (k,) and (2k,), got {given}")
    dtypes = [part.dtype for part in (W, V, b, h_0)]
    require_real_dtype("ContractedRNN", V.dtype)
    if dtypes != [V.dtype.to_complex(), *([V.dtype] * 3)]:
        given = ", ".join(map(str, dtypes))
        raise ValueError(f"W must be complex, and V, b and h_0 real of the same precision, got {given}")


def _require_urnn(urnn: object) -> None:
    if not isinstance(urnn, URNN):
        raise TypeError(f"urnn must be a URNN, got {type(urnn).__name__}")
    if urnn.num_layers != 1 or urnn.bidirectional:
        got = "bidirectional=True" if urnn.bidirectional else f"num_layers={urnn.num_layers}"
        raise ValueError(f"urnn must have one layer and one direction, got {got}; wrap one layer at a time")
    if urnn.output_steps != "all":
        raise ValueError(f"urnn must return all steps, got output_steps={urnn.output_steps!r}; leave it out")
