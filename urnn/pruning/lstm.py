"""An nn.LSTM under gates, called like it, and the smaller one that is left of it.

A unit's gate is shared by its four LSTM gates, by whoever reads the unit (its own layer, the next one, the
read-out) and by all time steps. Known weaknesses: a gated net runs a step at a time in torch, slower than
nn.LSTM's kernels on long sequences, and a packed batch is run padded; what `compact` returns has neither.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from urnn.pruning.calls import require_input, require_pair
from urnn.pruning.compaction import Compacted, compact_lstm, require_plain
from urnn.pruning.selection import Selection
from urnn.pruning.steps import run_layer, weights_of
from urnn.quantities import require_count
from urnn.shapes import Float

State = tuple[Tensor, Tensor]


class GatedLSTM(Selection):
    """An nn.LSTM whose inputs and units stand under gates.

    Args:
        lstm: any number of layers, one direction, no projection. It is trained in place, not copied. Of a subclass
            the weights alone are read, not its `forward`, and `compact` builds one of the same class.

    Inputs, outputs: nn.LSTM's, gated as `Selection` says.

    Raises:
        TypeError, ValueError: another module, two directions, a projection, parameters that nn.LSTM does not have;
            from `compact`, a subclass that is not built as nn.LSTM is.
        RuntimeError, ValueError: input or state of the wrong shape, as nn.LSTM does.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.pruning.lstm import GatedLSTM
        >>> class EveryOther(GatedLSTM):
        ...     def settled_gates(self):
        ...         return [torch.ones(3), torch.tensor([1.0, 0.0, 1.0, 0.0])]
        >>> EveryOther(nn.LSTM(3, 4)).compact().rnn
        LSTM(3, 2)
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        _require_lstm(lstm)
        super().__init__(lstm.input_size, lstm.hidden_size, lstm.num_layers, lstm.batch_first)
        self.lstm, self.dropout = lstm, lstm.dropout

    def _expected_weights(self, probabilities: Sequence[Tensor], outputs: int) -> float:
        outputs = require_count("outputs", outputs, 0)
        return float(surviving_weights(probabilities, outputs, 2 if self.lstm.bias else 0))

    def compact(self, read_out: nn.Linear | None = None) -> Compacted:
        return compact_lstm(self.lstm, self.settled_gates(), read_out, self._nothing_left)

    def forward(
        self, input: Tensor | PackedSequence, hx: State | None = None
    ) -> tuple[Tensor | PackedSequence, State]:
        input = require_input("LSTM", input)
        if isinstance(hx, tuple | list) and len(hx) != 2:
            raise RuntimeError(f"lstm expects two hidden states (h_0, c_0), got {len(hx)}")
        if hx is not None:
            require_pair("LSTM", hx)
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        if not batched:
            input = input.unsqueeze(0 if self.batch_first else 1)
            hx = None if hx is None else (hx[0].unsqueeze(1), hx[1].unsqueeze(1))
        hx = self._checked_state(input, hx)
        x = input.transpose(0, 1) if self.batch_first else input
        output, h, c = self._run(x, hx)
        last = torch.stack([part[-1] for part in h]), torch.stack([part[-1] for part in c])
        if not batched:
            return output.squeeze(1), (last[0].squeeze(1), last[1].squeeze(1))
        return (output.transpose(0, 1) if self.batch_first else output), last

    def _forward_packed(self, packed: PackedSequence, hx: State | None) -> tuple[PackedSequence, State]:
        """Padded at the end, where the steps that are added come too late to be read."""
        x, lengths = pad_packed_sequence(PackedSequence(packed.data, packed.batch_sizes))
        hx = self._checked_state(x.transpose(0, 1) if self.batch_first else x, hx)
        order, back = packed.sorted_indices, packed.unsorted_indices
        if order is not None:
            hx = hx[0].index_select(1, order), hx[1].index_select(1, order)
        output, h, c = self._run(x, hx)
        ends = lengths.to(x.device) - 1, torch.arange(x.shape[1], device=x.device)
        h_n, c_n = (torch.stack([part[ends] for part in parts]) for parts in (h, c))
        if back is not None:
            h_n, c_n = h_n.index_select(1, back), c_n.index_select(1, back)
        data = pack_padded_sequence(output, lengths).data
        return PackedSequence(data, packed.batch_sizes, order, back), (h_n, c_n)

    def _checked_state(self, input: Tensor, hx: State | None) -> State:
        """The first state, or zeros; nn.LSTM says what is wrong with it or the input."""
        if hx is None:
            batch = input.shape[0 if self.batch_first else 1]
            zeros = input.new_zeros(self.num_layers, batch, self.hidden_size)
            hx = zeros, zeros
        if not input.shape[1 if self.batch_first else 0]:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        self.lstm.check_forward_args(input, hx, None)
        return hx

    def _run(self, x: Float[Tensor, "T B m"], hx: State) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """The last layer's output, and h and c of every layer after every step."""
        gate, *unit_gates = self.gates(x.shape[1])
        x = x.masked_fill(gate == 0, 0)  # NaN behind a closed gate is not read: 0 * NaN would be
        h, c = [], []
        for layer, unit_gate in enumerate(unit_gates):
            if layer:
                x = nn.functional.dropout(x, self.dropout, self.training)
            shut, (h_0, c_0) = unit_gate == 0, (part[layer] for part in hx)
            h_0, c_0 = h_0.masked_fill(shut, 0), c_0.masked_fill(shut & ~c_0.isfinite(), 0)  # a finite one goes on
            states, cells = run_layer(x, h_0, c_0, weights_of(self.lstm, layer), gate, unit_gate)
            h.append(states)
            c.append(cells)
            x, gate = states, torch.ones_like(unit_gate)  # the layer below has gated what it hands on
        return x, h, c


def _require_lstm(lstm: object) -> None:
    if not isinstance(lstm, nn.LSTM):
        raise TypeError(f"lstm must be an nn.LSTM, got {type(lstm).__name__}")
    if lstm.bidirectional:
        raise ValueError(
            "lstm must have one direction, got bidirectional=True; a unit's gate would have to serve two layers "
            "that read it from both ends. Wrap an nn.LSTM with bidirectional=False"
        )
    if lstm.proj_size:
        raise ValueError(
            f"lstm must have no projection, got proj_size={lstm.proj_size}; a projection mixes the units, so that "
            "none can be cut. Wrap an nn.LSTM with proj_size=0"
        )
    require_plain(lstm)


def surviving_weights(probabilities: Sequence[Tensor], outputs: int, biases: int) -> Float[Tensor, ""]:
    """The expected number of weights and biases that are left where gates close independently.

    Args:
        probabilities: (gates,) each, of an open gate: of the inputs, and of each layer's units.
        outputs: features of the read-out, which has a column for each unit of the last layer and a bias.
        biases: of each LSTM gate of a unit, 2 in nn.LSTM.

    Example:
        >>> import torch
        >>> from urnn.pruning.lstm import surviving_weights
        >>> surviving_weights([torch.ones(16), torch.ones(128)], outputs=10, biases=2)
        tensor(76042.)
    """
    below, total = probabilities[0], probabilities[0].new_zeros(())
    for own in probabilities[1:]:
        units = own.sum()
        # A unit reads itself under one gate, not under two.
        pairs = units.square() + (own * (1 - own)).sum()
        total = total + 4 * (below.sum() * units + pairs + biases * units)
        below = own
    return total + outputs * (below.sum() + 1 if outputs else 0)
