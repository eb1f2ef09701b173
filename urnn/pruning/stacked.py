"""Layers of different widths behind nn.LSTM's interface: what is left of stacked layers when units are cut."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from urnn.pruning.calls import States as GivenStates
from urnn.pruning.calls import require_pair
from urnn.pruning.steps import Weights, weights_of

States = tuple[Tensor, ...]  # one for each layer


class StackedLSTM(nn.Module):
    """nn.LSTM, except that each layer has a width of its own.

    Args:
        input_size: features of the input.
        hidden_sizes: units of each layer, from the lowest.
        bias, batch_first, dropout, device, dtype: as in nn.LSTM.
        kind: what a layer is: nn.LSTM or a subclass that is built alike.

    Inputs: input as nn.LSTM's, packed too; (h_0, c_0) or None.
    Outputs: output of the last layer; (h_n, c_n).
        A state is a tuple of a tensor for each layer, (B, n) of its width, or (n,) without a batch: `h_n[layer]`
        is what it is of nn.LSTM.

    Raises:
        TypeError: a kind that is no nn.LSTM, or a state that is no pair.
        ValueError: no layer, a dropout that is no probability, or a state that is not of so many layers.
        RuntimeError: a state of another size; else as nn.LSTM does.

    Example:
        >>> import torch
        >>> from urnn.pruning import StackedLSTM
        >>> output, (h_n, c_n) = StackedLSTM(3, [5, 2])(torch.randn(7, 4, 3))
        >>> output.shape, h_n[0].shape, h_n[-1].shape
        (torch.Size([7, 4, 2]), torch.Size([4, 5]), torch.Size([4, 2]))
    """

    bidirectional, proj_size = False, 0  # nn.LSTM's attributes, for code that reads them

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Sequence[int],
        *,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        kind: type[nn.LSTM] = nn.LSTM,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not (isinstance(kind, type) and issubclass(kind, nn.LSTM)):
            raise TypeError(f"kind must be nn.LSTM or a subclass of it, got {getattr(kind, '__name__', kind)}")
        if isinstance(hidden_sizes, str) or not isinstance(hidden_sizes, Sequence):
            raise TypeError(
                f"hidden_sizes must be a list of the units of each layer, got {type(hidden_sizes).__name__}"
            )
        if not hidden_sizes:
            raise ValueError("hidden_sizes must name the units of at least one layer, got none")
        if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
            raise ValueError(f"dropout should be a number in range [0, 1], got {dropout!r}")
        self.input_size, self.hidden_sizes, self.num_layers = input_size, tuple(hidden_sizes), len(hidden_sizes)
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        widths = [input_size, *hidden_sizes]
        options: dict[str, Any] = {"bias": bias, "batch_first": batch_first, "device": device, "dtype": dtype}
        self.layers = nn.ModuleList(
            kind(below, units, **options) for below, units in zip(widths[:-1], hidden_sizes, strict=True)
        )

    def weights_of(self, layer: int) -> Weights:
        """One layer's tensors."""
        return weights_of(cast(nn.LSTM, self.layers[layer]), 0)

    def flatten_parameters(self) -> None:
        """Of each layer."""
        for layer in self.layers:
            cast(nn.LSTM, layer).flatten_parameters()

    def extra_repr(self) -> str:
        return f"{self.input_size}, {list(self.hidden_sizes)}"

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: tuple[GivenStates, GivenStates] | None = None,
    ) -> tuple[Tensor | PackedSequence, tuple[States, States]]:
        if hx is not None:
            hx = self._checked(input, hx)
        h_n, c_n = [], []
        for number, layer in enumerate(self.layers):
            if number:
                input = self._dropped(input)
            first = None if hx is None else tuple(part[number].unsqueeze(0) for part in hx)
            input, (h, c) = layer(input, first)
            h_n.append(h.squeeze(0))
            c_n.append(c.squeeze(0))
        return input, (tuple(h_n), tuple(c_n))

    def _checked(self, input: Tensor | PackedSequence, hx: object) -> tuple[GivenStates, GivenStates]:
        pair = require_pair("StackedLSTM", hx)
        if [len(part) for part in pair] != [self.num_layers] * 2:
            raise ValueError(
                f"expected a state (h_0, c_0) of {self.num_layers} layers each, got {[len(part) for part in pair]}"
            )
        for name, part in zip(("h_0", "c_0"), pair, strict=True):
            for layer, (state, units) in enumerate(zip(part, self.hidden_sizes, strict=True)):
                expected, got = (*self._batch(input), units), tuple(state.shape)
                if got != expected:
                    raise RuntimeError(f"Expected {name}[{layer}] size {expected}, got {got}")
        return pair

    def _batch(self, input: Tensor | PackedSequence) -> tuple[int, ...]:
        """Its size, or nothing for a single sequence; of another input than those nn.LSTM says what is wrong."""
        if isinstance(input, PackedSequence):
            return (int(input.batch_sizes[0]),)
        return (input.shape[0 if self.batch_first else 1],) if input.dim() == 3 else ()

    def _dropped(self, input: Tensor | PackedSequence) -> Tensor | PackedSequence:
        if isinstance(input, PackedSequence):
            return input._replace(data=nn.functional.dropout(input.data, self.dropout, self.training))
        return nn.functional.dropout(input, self.dropout, self.training)
