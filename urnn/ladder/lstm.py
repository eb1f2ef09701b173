"""The LSTM as the classic ladder of optimisations (Appleyard, Kocisky, Blunsom 2016, arXiv 1604.01946), to be run.

Every stage is a switch and is written in plain torch operations, so that what each of them is worth can be
measured on any machine, between the formula as it stands and torch's own kernel. Known weakness: a step costs the
launches of its operations, which no stage here can avoid; whoever only needs an LSTM takes nn.LSTM.
"""

import math

import torch
from torch import Tensor, nn

from urnn.ladder.lstm_products import FirstOrderOnly, LayerWeights
from urnn.ladder.lstm_schedules import layer_by_layer, wavefront
from urnn.ladder.lstm_stages import RUNGS, Stages

__all__ = ["RUNGS", "StagedLSTM", "Stages", "build"]


class StagedLSTM(nn.Module):
    """An LSTM whose optimisations are switched on one by one; parameters and results are nn.LSTM's.

    Args:
        input_size, hidden_size, num_layers: m, n and L.
        stages: what is switched on.

    Parameters (real, for each layer l; gates in the order i, f, g, o): weight_ih_l (4n, m; above layer 0: 4n, n),
    weight_hh_l (4n, n), bias_ih_l and bias_hh_l (4n,), drawn from U(-1/sqrt(n), 1/sqrt(n)).

    Inputs: x (T, B, m), real; state, a pair (h_0, c_0) of (L, B, n), zeros if None.
    Outputs: output (T, B, n) and (h_n, c_n), each (L, B, n).

    Raises:
        ValueError: x has not three dimensions, or num_layers is not positive.
        RuntimeError: x or a state of another size, no time step, or `streams` elsewhere than on CUDA.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.ladder.lstm import StagedLSTM, Stages
        >>> lstm, staged = nn.LSTM(3, 4), StagedLSTM(3, 4, stages=Stages(grouped_gates=True))
        >>> staged.load_state_dict(lstm.state_dict())
        <All keys matched successfully>
        >>> x = torch.randn(5, 2, 3)
        >>> torch.allclose(staged(x)[0], lstm(x)[0], atol=1e-5)
        True
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        stages: Stages = Stages(),  # noqa: B008 - frozen
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers must be greater than zero, got {num_layers}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.stages = stages
        for k in range(num_layers):
            shapes = {
                f"weight_ih_l{k}": (4 * hidden_size, hidden_size if k else input_size),
                f"weight_hh_l{k}": (4 * hidden_size, hidden_size),
                f"bias_ih_l{k}": (4 * hidden_size,),
                f"bias_hh_l{k}": (4 * hidden_size,),
            }
            for name, shape in shapes.items():
                self.register_parameter(name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws every parameter as nn.LSTM does, in the same order."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}, {self.stages}"

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        self._check(x, state)
        if state is None:
            zeros = x.new_zeros(self.num_layers, x.shape[1], self.hidden_size)
            state = zeros, zeros
        if self.stages.batched_weight_gradient:
            x, *both = (FirstOrderOnly.apply(tensor) for tensor in (x, *state))
            state = both[0], both[1]
        side = torch.cuda.Stream(x.device) if self.stages.streams else None
        schedule = wavefront if self.stages.wavefront else layer_by_layer
        output, h_n, c_n = schedule(x, *state, self._layers(), self.stages, side)
        return output, (h_n, c_n)

    def _layers(self) -> list[LayerWeights]:
        names = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
        return [
            LayerWeights.cut(*(getattr(self, f"{name}_l{k}") for name in names), grouped=self.stages.grouped_gates)
            for k in range(self.num_layers)
        ]

    def _check(self, x: Tensor, state: tuple[Tensor, Tensor] | None) -> None:
        if x.dim() != 3:
            raise ValueError(f"expected an input of 3 dimensions (T, B, m), got {x.dim()}")
        if x.shape[2] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[2]}"
            )
        if len(x) == 0:
            raise RuntimeError("expected at least one time step, got 0")
        size = (self.num_layers, x.shape[1], self.hidden_size)
        for k, given in enumerate(state or ()):
            if given.shape != size:
                raise RuntimeError(f"Expected hidden[{k}] size {size}, got {list(given.shape)}")
        if self.stages.streams and x.device.type != "cuda":
            raise RuntimeError(f"streams need CUDA, but the input is on {x.device.type}")


def build(
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    *,
    backend: str,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Module:
    """The rung of that name: a `StagedLSTM`, or nn.LSTM for "nn_lstm".

    Raises:
        ValueError: no such rung; the message lists those there are.

    Example:
        >>> from urnn.ladder import lstm
        >>> lstm.build(3, 4, backend="nn_lstm")
        LSTM(3, 4)
        >>> lstm.build(3, 4, backend="wavefront").stages.wavefront
        True
    """
    if backend not in RUNGS:
        raise ValueError(f"unknown rung {backend!r}; the ladder has: {', '.join(RUNGS)}")
    stages = RUNGS[backend]
    if stages is None:
        return nn.LSTM(input_size, hidden_size, num_layers, device=device, dtype=dtype)
    return StagedLSTM(input_size, hidden_size, num_layers, stages, device=device, dtype=dtype)
