"""Gates made real: the rows and columns of closed gates are cut, and open gates are folded into the weights."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations
from torch.nn.utils.rnn import PackedSequence

from urnn.pruning.calls import require_input, require_pair
from urnn.pruning.stacked import StackedLSTM
from urnn.pruning.steps import Weights, weights_of
from urnn.shapes import Float, Int

PARAMETRISED = "parametrizations."  # how torch names parameters that weights are computed from


class Compacted(nn.Module):
    """What is left of a gated net: a smaller one, the inputs that it reads, and the read-out cut with it.

    It takes the whole input, picks what is kept, and returns what `rnn` does. `rnn` alone wants the kept inputs.

    Attributes:
        rnn: nn.LSTM, or `StackedLSTM` where layers are left with different numbers of units; of a uRNN a
            `ContractedRNN`.
        read_out: nn.Linear of the last layer's kept units, or None where none was given.
        inputs: (k,), the inputs that are kept, in rising order.
        units: for each layer (k,), the units that are kept.
        input_size, hidden_size: features of the whole input, and units of each layer of the whole net.
        scales, scale: (k,), what the gated net multiplies each layer's and the last layer's kept units with; in
            the weights and in `read_out` already. The h of `rnn` is that of the gated net divided by it.

    Raises:
        RuntimeError: an input or a state that is not the whole one; else as `rnn` does.
        TypeError: a state for `cut_state` that is no pair, or of a uRNN no tensor.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.pruning import NeuronSelection
        >>> selection, read_out = NeuronSelection(nn.LSTM(3, 5)).eval(), nn.Linear(5, 2)
        >>> with torch.no_grad():
        ...     _ = selection.units[0].log_a[:2].fill_(-9)
        >>> small = selection.compact(read_out)
        >>> small.rnn, small.read_out
        (LSTM(3, 3), Linear(in_features=3, out_features=2, bias=True))
        >>> x = torch.randn(7, 4, 3)
        >>> torch.allclose(small.read_out(small(x)[0]), read_out(selection(x)[0]), atol=1e-5)
        True
    """

    inputs: Tensor

    def __init__(
        self,
        rnn: nn.Module,
        read_out: nn.Linear | None,
        inputs: Int[Tensor, " k"],
        units: Sequence[Tensor],
        scales: Sequence[Tensor],
        input_size: int,
        hidden_size: int,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.rnn, self.read_out = rnn, read_out
        self.register_buffer("inputs", inputs)
        for layer, (kept, scale) in enumerate(zip(units, scales, strict=True)):
            self.register_buffer(f"units_{layer}", kept)
            self.register_buffer(f"scale_{layer}", scale)
        self._layers = len(units)

    @property
    def units(self) -> tuple[Tensor, ...]:
        return tuple(getattr(self, f"units_{layer}") for layer in range(self._layers))

    @property
    def scales(self) -> tuple[Tensor, ...]:
        return tuple(getattr(self, f"scale_{layer}") for layer in range(self._layers))

    @property
    def scale(self) -> Tensor:
        return self.scales[-1]

    @property
    def parameter_count(self) -> int:
        """Real numbers that are trained, read-out included."""
        return sum(parameter.numel() for parameter in self.parameters())

    def select(self, input: Tensor | PackedSequence) -> Tensor | PackedSequence:
        """The inputs that are kept."""
        input = require_input("Compacted", input)
        if isinstance(input, PackedSequence):
            return input._replace(data=self._selected(input.data))
        return self._selected(input)

    def _selected(self, x: Tensor) -> Tensor:
        width = x.shape[-1] if x.dim() else 0
        if width != self.input_size:
            raise RuntimeError(
                f"Compacted: Expected the whole input of {self.input_size} features, from which it picks "
                f"{len(self.inputs)}, got {width}; for an input that is cut already, call rnn"
            )
        return x.index_select(-1, self.inputs)

    def cut_state(self, hx: Tensor | tuple[Tensor, Tensor]) -> Any:
        """A state of the gated net, (layers, B, n) or (layers, n) in each of its parts, as `rnn` takes it."""
        if not isinstance(self.rnn, nn.LSTM | StackedLSTM):
            if not isinstance(hx, Tensor):
                raise TypeError(f"Compacted: expected a state of one complex tensor, got {type(hx).__name__}")
            self._require_whole("h_0", hx)
            return hx[..., self.units[0]] / self.scale
        h_0, c_0 = require_pair("Compacted", hx)
        self._require_whole("h_0", h_0)
        self._require_whole("c_0", c_0)
        kept = list(zip(self.units, self.scales, strict=True))
        h = tuple(part[..., units] / scale for part, (units, scale) in zip(h_0, kept, strict=True))
        c = tuple(part[..., units] for part, (units, _) in zip(c_0, kept, strict=True))
        return (h, c) if isinstance(self.rnn, StackedLSTM) else (torch.stack(h), torch.stack(c))

    def _require_whole(self, name: str, part: Tensor | Sequence[Tensor]) -> None:
        """Raises RuntimeError unless it is one of the whole net's layers and units."""
        sizes = [(len(part), *one.shape) for one in part]
        if len(part) != self._layers or any(
            len(size) not in (2, 3) or size[-1] != self.hidden_size for size in sizes
        ):
            whole = f"({self._layers}, B, {self.hidden_size}) or ({self._layers}, {self.hidden_size})"
            got = tuple(part.shape) if isinstance(part, Tensor) else sizes
            raise RuntimeError(f"Compacted: Expected {name} of the whole net, of size {whole}, got {got}")

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        return self.rnn(self.select(input), hx)


def compact_lstm(
    lstm: nn.LSTM, gates: Sequence[Tensor], read_out: nn.Linear | None, closed: Callable[[int], str]
) -> Compacted:
    """The smaller net that computes what `lstm` does under these gates.

    Args:
        gates: of the inputs, and of each layer's units.
        read_out: of the last layer's units; None where the caller cuts what follows, with `Compacted.scale`.
        closed: number of a gate that has nothing open, 0 for the inputs -> what the error says.

    Raises:
        ValueError: nothing is left of the inputs or of a layer.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.pruning.compaction import compact_lstm
        >>> gates = [torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.5, 1.0])]
        >>> compact_lstm(nn.LSTM(2, 3), gates, None, lambda number: "nothing is left").rnn
        LSTM(1, 2)
    """
    gates = [gate.detach() for gate in gates]
    kept = require_open(gates, closed)
    require_read_out(read_out, lstm.hidden_size)
    small = _empty(lstm, [len(some) for some in kept])
    with torch.no_grad():
        for layer in range(lstm.num_layers):
            cut = _cut(weights_of(lstm, layer), gates[layer : layer + 2], kept[layer : layer + 2])
            new = small.weights_of(layer) if isinstance(small, StackedLSTM) else weights_of(small, layer)
            for to, value in zip(_flat(new), _flat(cut), strict=True):
                to.copy_(value)
        scales = [gate[some] for gate, some in zip(gates[1:], kept[1:], strict=True)]
        cut_out = None if read_out is None else cut_linear(read_out, kept[-1], scales[-1])
    whole = lstm.input_size, lstm.hidden_size
    return Compacted(small.train(lstm.training), cut_out, kept[0], kept[1:], scales, *whole)


def require_open(gates: Sequence[Tensor], closed: Callable[[int], str]) -> list[Tensor]:
    """Where each of the gates is open, in rising order; arguments and error as of `compact_lstm`.

    Example:
        >>> import torch
        >>> from urnn.pruning.compaction import require_open
        >>> require_open([torch.tensor([0.5, 0.0, 1.0])], lambda number: "nothing is left")
        [tensor([0, 2])]
    """
    for gate in gates:
        if gate.isnan().any():
            raise ValueError(
                f"{int(gate.isnan().sum())} gates are not numbers, so training has diverged; train again with a "
                "smaller learning rate of the gates"
            )
    kept = [(gate > 0).nonzero().flatten() for gate in gates]
    for number, some in enumerate(kept):
        if not len(some):
            raise ValueError(closed(number))
    return kept


def require_read_out(read_out: object, features: int) -> None:
    """Raises TypeError or ValueError unless it is None or a linear layer of so many features.

    Example:
        >>> from torch import nn
        >>> from urnn.pruning.compaction import require_read_out
        >>> require_read_out(nn.Linear(4, 2), 5)
        Traceback (most recent call last):
        ValueError: read_out must read the 5 features of the last layer, got an nn.Linear of 4
    """
    if read_out is None:
        return
    if not isinstance(read_out, nn.Linear):
        raise TypeError(f"read_out must be an nn.Linear or None, got {type(read_out).__name__}")
    if read_out.in_features != features:
        raise ValueError(
            f"read_out must read the {features} features of the last layer, got an nn.Linear of "
            f"{read_out.in_features}"
        )


def cut_linear(linear: nn.Linear, kept: Int[Tensor, " k"], scale: Float[Tensor, " k"]) -> nn.Linear:
    """A linear layer that reads the kept features alone, multiplied with `scale`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.pruning.compaction import cut_linear
        >>> cut_linear(nn.Linear(4, 2), torch.tensor([0, 3]), torch.ones(2))
        Linear(in_features=2, out_features=2, bias=True)
    """
    weight, bias = linear.weight, linear.bias
    small = nn.Linear(len(kept), linear.out_features, bias is not None, weight.device, weight.dtype)
    with torch.no_grad():
        small.weight.copy_(weight[:, kept] * scale)
        if bias is not None:
            small.bias.copy_(bias)
    return small


def require_plain(lstm: nn.LSTM) -> None:
    """Raises TypeError unless all that it trains are an nn.LSTM's weights, parametrised or not.

    Example:
        >>> from torch import nn
        >>> from urnn.pruning.compaction import require_plain
        >>> require_plain(nn.LSTM(3, 4))
    """
    names = {name for layer in range(lstm.num_layers) for name in _names(lstm, layer)}
    known = {f"{PARAMETRISED}{name}." for name in names}
    for name, _ in lstm.named_parameters():
        if name not in names and not name.startswith(tuple(known)):
            raise TypeError(
                f"lstm must have nn.LSTM's weights alone, and this {type(lstm).__name__} also has {name}, which "
                "would be left out; wrap an nn.LSTM without it (of torch's two weight norms, that of "
                "torch.nn.utils.parametrizations)"
            )


def _names(lstm: nn.LSTM, layer: int) -> list[str]:
    kinds = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if lstm.bias else ()))
    return [f"{kind}_l{layer}" for kind in kinds]


def _empty(lstm: nn.LSTM, sizes: list[int]) -> nn.LSTM | StackedLSTM:
    """An LSTM of these sizes, inputs first, whose weights are still to be written; of the class of `lstm`."""
    inputs, *units = sizes
    weight = weights_of(lstm, 0).input
    options: dict[str, Any] = {
        "bias": lstm.bias,
        "batch_first": lstm.batch_first,
        "dropout": lstm.dropout,
        "device": weight.device,
        "dtype": weight.dtype,
    }
    kind = type_before_parametrizations(lstm)
    try:
        if len(set(units)) == 1:
            return kind(inputs, units[0], num_layers=len(units), **options)
        return StackedLSTM(inputs, units, kind=kind, **options)
    except TypeError as error:
        raise TypeError(
            f"a smaller {kind.__name__} cannot be built with nn.LSTM's arguments ({error}); wrap an nn.LSTM with "
            "its weights"
        ) from error


def _cut(weights: Weights, gates: Sequence[Tensor], kept: Sequence[Tensor]) -> Weights:
    """The kept rows of every gate, and the kept columns times the gates of what they read."""
    (below_gate, own_gate), (below, own) = gates, kept
    rows = own + len(own_gate) * torch.arange(4, device=own.device).unsqueeze(1)
    rows = rows.flatten()
    return Weights(
        weights.input[rows][:, below] * below_gate[below],
        weights.recurrent[rows][:, own] * own_gate[own],
        tuple(bias[rows] for bias in weights.biases),
    )


def _flat(weights: Weights) -> tuple[Tensor, ...]:
    return (weights.input, weights.recurrent, *weights.biases)
