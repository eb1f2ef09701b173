"""What every way of choosing units shares, whatever the net: gates, what they keep, and what is left to cut out.

How gates come about is left to the subclasses. A unit's one gate is shared by whoever reads the unit and by all
time steps.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from urnn.pruning.compaction import Compacted
from urnn.quantities import require_number
from urnn.shapes import Float


class Selection(nn.Module):
    """A recurrent net whose inputs and units stand under gates; it is called like the net that it wraps.

    Output and last state are gated, so that a closed unit's are 0. A first state that is handed in counts as
    gated. What is behind a closed gate is not read, of the input as of a first state: it may be NaN.

    Example:
        >>> import torch
        >>> from urnn.pruning.selection import Selection
        >>> class EveryOther(Selection):
        ...     def settled_gates(self):
        ...         return [torch.ones(3), torch.tensor([1.0, 0.0, 1.0, 0.0])]
        >>> EveryOther(3, 4).kept_units()
        [[0, 2]]
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, batch_first: bool = False) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.bidirectional = batch_first, False

    def gates(self, sequences: int) -> list[Tensor]:
        """Values in [0, 1] of the inputs' gates, (B or 1, m), and of each layer's units, (B or 1, n)."""
        return [gate.unsqueeze(0) for gate in self.settled_gates()]

    def settled_gates(self) -> list[Tensor]:
        """The values that `compact` makes real, (m,) and each (n,)."""
        raise NotImplementedError

    def gate_parameters(self) -> list[nn.Parameter]:
        """What decides the gates and is trained, for a learning rate of its own; none where nothing is."""
        return []

    def penalty(self, read_out: nn.Linear | None = None) -> Float[Tensor, ""]:
        """What is added to the loss so that gates close, its two multipliers included."""
        raise NotImplementedError

    def expected_weights(self, outputs: int = 0) -> float:
        """Weights and biases that are left in the mean, with those of a read-out of so many outputs."""
        raise NotImplementedError

    def weights_left(self, outputs: int = 0) -> int:
        """Weights and biases that `compact` would leave now, with those of a read-out of so many outputs."""
        with torch.no_grad():
            return round(self._expected_weights([(gate > 0).double() for gate in self.settled_gates()], outputs))

    def _expected_weights(self, probabilities: Sequence[Tensor], outputs: int) -> float:
        """Expected weights and biases of the small net, by the probabilities of open gates."""
        raise NotImplementedError

    def _take_multipliers(self, input_multiplier: float, unit_multiplier: float) -> None:
        """Raises TypeError for what is no number, ValueError for one below 0 or not finite."""
        self.input_multiplier = require_number("input_multiplier", input_multiplier, 0.0)
        self.unit_multiplier = require_number("unit_multiplier", unit_multiplier, 0.0)

    def _nothing_left(self, number: int) -> str:
        """The error where all gates of the inputs (0) or of a layer (from 1) are closed."""
        raise NotImplementedError

    def kept_inputs(self) -> list[int]:
        """The inputs that would be left now, from 0."""
        return _open(self.settled_gates()[0])

    def kept_units(self) -> list[list[int]]:
        """The same of each layer's units."""
        return [_open(gate) for gate in self.settled_gates()[1:]]

    def compact(self, read_out: nn.Linear | None = None) -> Compacted:
        """The smaller net that computes what this one does in evaluation mode; this one stays as it is.

        Args:
            read_out: what reads the last layer's output, to be cut with it. Where it is left out, multiply the
                columns that read the kept units with `Compacted.scale`.

        Raises:
            ValueError: nothing is left, and the message says which multiplier to lower; or a gate is not a number.
        """
        raise NotImplementedError


def _open(gate: Tensor) -> list[int]:
    return (gate > 0).nonzero().flatten().tolist()
