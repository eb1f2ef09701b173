"""What neuron selection is compared with at equal size: units chosen by their weights, with and without a penalty.

A group is all that goes when a unit is cut: its rows in the four LSTM gates, its biases, and its columns in
whoever reads it. An input's group is its column. torch's own `lstm_saliency_pruner` (experimental) does not serve:
it ranks the rows of each LSTM gate apart, so that a unit loses its input gate and keeps its output gate, and
hardly any is gone as a whole.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from urnn.pruning.compaction import require_read_out
from urnn.pruning.lstm import GatedLSTM
from urnn.pruning.steps import weights_of
from urnn.quantities import require_count
from urnn.shapes import Float

LASSO_INPUT_MULTIPLIER, LASSO_UNIT_MULTIPLIER = 0.01, 0.1


class MagnitudePruning(GatedLSTM):
    """Keeps the inputs and units whose groups of weights are largest; see `GatedLSTM` for its interface.

    Train it; `cut` it to a size; train on, which is known as fine-tuning; `compact` it.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.pruning import MagnitudePruning
        >>> pruning = MagnitudePruning(nn.LSTM(16, 128))
        >>> pruning.cut(inputs=6, units=[32])
        >>> pruning.compact().rnn
        LSTM(6, 32)
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__(lstm)
        weight = weights_of(lstm, 0).input
        for number, size in enumerate(self._sizes()):
            self.register_buffer(f"mask_{number}", torch.ones(size, device=weight.device, dtype=weight.dtype))

    def _sizes(self) -> list[int]:
        return [self.input_size] + [self.hidden_size] * self.num_layers

    def settled_gates(self) -> list[Tensor]:
        return [getattr(self, f"mask_{number}") for number in range(self.num_layers + 1)]

    def penalty(self, read_out: nn.Linear | None = None) -> Float[Tensor, ""]:
        """Nothing: units are chosen after training."""
        return weights_of(self.lstm, 0).input.new_zeros(())

    @torch.no_grad()
    def cut(self, *, inputs: int, units: Sequence[int], read_out: nn.Linear | None = None) -> None:
        """Closes all but so many inputs and so many units of each layer, for good.

        Args:
            read_out: what reads the last layer, whose columns count for its units.

        Raises:
            TypeError: something else than whole numbers.
            ValueError: a number that is not from 1 to what earlier cuts have left, or not one for each layer; or
                the norm of a group that is not finite.
        """
        if isinstance(units, str) or not isinstance(units, Sequence):
            raise TypeError(f"units must be a list of one number for each layer, got {type(units).__name__}")
        if len(units) != self.num_layers:
            raise ValueError(f"units must be a number for each of {self.num_layers} layers, got {len(units)}")
        masks = self.settled_gates()
        names = ["inputs", *(f"units of layer {layer}" for layer in range(self.num_layers))]
        keeps = [
            require_count(f"{name} to keep", keep, 1, int(mask.count_nonzero()))
            for name, keep, mask in zip(names, [inputs, *units], masks, strict=True)
        ]
        every = self.group_norms(read_out)
        for name, norms in zip(names, every, strict=True):
            if not norms.isfinite().all():
                raise ValueError(
                    f"a group of weights of the {name} has a norm that is not finite, so that none is the "
                    "largest; train again with a smaller learning rate"
                )
        for mask, norms, keep in zip(masks, every, keeps, strict=True):
            kept = torch.where(mask > 0, norms, -1.0).topk(keep).indices
            mask.zero_()[kept] = 1

    def group_norms(self, read_out: nn.Linear | None = None) -> list[Tensor]:
        """The Euclidean norm of each group: of the inputs, (m,), and of each layer's units, (n,)."""
        require_read_out(read_out, self.hidden_size)
        squares = [torch.zeros_like(mask) for mask in self.settled_gates()]
        for layer in range(self.num_layers):
            weights = weights_of(self.lstm, layer)
            squares[layer] = squares[layer] + weights.input.square().sum(0)
            own = weights.recurrent.square().sum(0)
            for part in (weights.input, weights.recurrent, *weights.biases):
                own = own + part.view(4, self.hidden_size, -1).square().sum((0, 2))
            squares[layer + 1] = squares[layer + 1] + own
        if read_out is not None:
            squares[-1] = squares[-1] + read_out.weight.square().sum(0)
        return [(square + torch.finfo(square.dtype).tiny).sqrt() for square in squares]  # 0 has no derivative

    def expected_weights(self, outputs: int = 0) -> float:
        """Weights and biases that are left, with those of a read-out of so many outputs."""
        return self._expected_weights([mask.double() for mask in self.settled_gates()], outputs)

    def _nothing_left(self, number: int) -> str:
        raise AssertionError("cut leaves at least one of each")


class GroupLasso(MagnitudePruning):
    """Magnitude pruning of a net that was trained under a group lasso: the intrinsic sparse structures (ISS) of
    Wen, He, Rajbhandari et al. 2018 (arXiv 1709.05027), with groups of inputs beside those of units.

    Args:
        lstm: see `GatedLSTM`.
        input_multiplier, unit_multiplier: of the mean norm of an input's and of a unit's group.

    Raises:
        TypeError, ValueError: a multiplier that is no finite number of at least 0.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.pruning import GroupLasso
        >>> lstm, read_out = nn.LSTM(16, 128), nn.Linear(128, 10)
        >>> lasso = GroupLasso(lstm, unit_multiplier=2.0)
        >>> bool(lasso.penalty(read_out) > 0)
        True
        >>> lasso.cut(inputs=6, units=[32], read_out=read_out)
        >>> lasso.compact(read_out).read_out
        Linear(in_features=32, out_features=10, bias=True)
    """

    def __init__(
        self,
        lstm: nn.LSTM,
        *,
        input_multiplier: float = LASSO_INPUT_MULTIPLIER,
        unit_multiplier: float = LASSO_UNIT_MULTIPLIER,
    ) -> None:
        super().__init__(lstm)
        self._take_multipliers(input_multiplier, unit_multiplier)

    def penalty(self, read_out: nn.Linear | None = None) -> Float[Tensor, ""]:
        """input_multiplier * mean norm of the inputs' groups + unit_multiplier * mean norm of the units'."""
        inputs, *units = self.group_norms(read_out)
        return self.input_multiplier * inputs.mean() + self.unit_multiplier * torch.cat(units).mean()
