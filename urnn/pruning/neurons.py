"""Neuron selection (Wen et al. 2019, arXiv 1906.06847): units and inputs switch themselves off during training.

The penalty has a multiplier for inputs and one for units. Under a single one, of the expected number of weights,
inputs of pure noise stay: an input costs few weights beside a unit.
"""

from typing import cast

import torch
from torch import Tensor, nn

from urnn.pruning.gates import HardConcrete
from urnn.pruning.lstm import GatedLSTM
from urnn.pruning.selection import Selection
from urnn.pruning.steps import weights_of
from urnn.quantities import require_number
from urnn.shapes import Float

INPUT_MULTIPLIER, UNIT_MULTIPLIER = 0.3, 5.0
FIRST_LOG_A = 2.0


class ConcreteGates(Selection):
    """Gates that are drawn while the net trains and have settled in evaluation mode, whatever the net.

    Example:
        >>> from urnn.pruning.neurons import ConcreteGates
        >>> from urnn.pruning import NeuronSelection
        >>> issubclass(NeuronSelection, ConcreteGates)
        True
    """

    def _add_gates(
        self, like: Tensor, input_multiplier: float, unit_multiplier: float, first_log_a: float
    ) -> None:
        """Once the net's sizes are known; on the device and in the dtype of a tensor of it."""
        self._take_multipliers(input_multiplier, unit_multiplier)
        first_log_a = require_number("first_log_a", first_log_a)
        self.inputs = HardConcrete(self.input_size, first_log_a, like.device, like.dtype)
        self.units = nn.ModuleList(
            HardConcrete(self.hidden_size, first_log_a, like.device, like.dtype) for _ in range(self.num_layers)
        )

    def _all_gates(self) -> list[HardConcrete]:
        return [self.inputs, *(cast(HardConcrete, gate) for gate in self.units)]

    def gate_parameters(self) -> list[nn.Parameter]:
        """log a of every gate."""
        return [gate.log_a for gate in self._all_gates()]

    def gates(self, sequences: int) -> list[Tensor]:
        if self.training:
            return [gate.draw(sequences) for gate in self._all_gates()]
        return super().gates(sequences)

    def settled_gates(self) -> list[Tensor]:
        return [gate.settled() for gate in self._all_gates()]

    def penalty(self, read_out: nn.Linear | None = None) -> Float[Tensor, ""]:
        """input_multiplier * mean P(open) of the inputs + unit_multiplier * mean P(open) of the units."""
        inputs, *units = (gate.open_probability() for gate in self._all_gates())
        return self.input_multiplier * inputs.mean() + self.unit_multiplier * torch.cat(units).mean()

    def expected_weights(self, outputs: int = 0) -> float:
        """Weights and biases that a draw of the gates leaves in the mean; those of a read-out of so many outputs
        are counted too."""
        with torch.no_grad():
            return self._expected_weights(
                [gate.open_probability().double() for gate in self._all_gates()], outputs
            )

    def _nothing_left(self, number: int) -> str:
        if number == 0:
            return (
                f"every gate of the {self.input_size} inputs is closed, so nothing is left to compact; lower "
                f"input_multiplier, which is {self.input_multiplier:g}, and train again"
            )
        layer = f" of layer {number - 1}" if self.num_layers > 1 else ""
        return (
            f"every gate of the {self.hidden_size} units{layer} is closed, so nothing is left to compact; lower "
            f"unit_multiplier, which is {self.unit_multiplier:g}, and train again"
        )


class NeuronSelection(ConcreteGates, GatedLSTM):
    """An nn.LSTM whose inputs and units stand under hard concrete gates; see `GatedLSTM` for its interface.

    While it trains every sequence draws its gates once, for all time steps. In evaluation mode they have settled.
    Add `penalty()` to the loss, and give the parameters of `gate_parameters()` a learning rate of their own,
    several times that of the weights.

    Args:
        lstm: see `GatedLSTM`.
        input_multiplier, unit_multiplier: of the mean probability that an input's and a unit's gate is open.
        first_log_a: of all gates; 2 leaves a gate open in 97 of 100 draws.

    Raises:
        TypeError, ValueError: a multiplier that is no finite number of at least 0.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.pruning import NeuronSelection
        >>> selection = NeuronSelection(nn.LSTM(16, 128))
        >>> output, (h_n, c_n) = selection(torch.randn(8, 20, 16))
        >>> output.shape
        torch.Size([8, 20, 128])
        >>> selection.penalty()
        tensor(5.1588, grad_fn=<AddBackward0>)
        >>> len(selection.kept_inputs()), [len(units) for units in selection.kept_units()]
        (16, [128])
    """

    def __init__(
        self,
        lstm: nn.LSTM,
        *,
        input_multiplier: float = INPUT_MULTIPLIER,
        unit_multiplier: float = UNIT_MULTIPLIER,
        first_log_a: float = FIRST_LOG_A,
    ) -> None:
        super().__init__(lstm)
        self._add_gates(weights_of(lstm, 0).input, input_multiplier, unit_multiplier, first_log_a)
