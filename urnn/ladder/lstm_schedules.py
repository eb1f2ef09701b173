"""In which order an LSTM's cells (layer, step) run: layer by layer, or along the diagonals of the wavefront.

Known weakness of the wavefront: the layers of a diagonal are copied into one tensor before they are multiplied,
which a kernel that takes a list of addresses would not need.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from urnn.ladder.lstm_cell import pointwise
from urnn.ladder.lstm_products import LayerWeights, Rows, add_products, add_recurrent, addends, right_operand
from urnn.ladder.lstm_stages import Stages
from urnn.shapes import Float

Sequences = Float[Tensor, "T B n"]
States = Float[Tensor, "L B n"]


def layer_by_layer(
    x: Float[Tensor, "T B m"],
    h_0: States,
    c_0: States,
    layers: list[LayerWeights],
    stages: Stages,
    side: torch.cuda.Stream | None,
) -> tuple[Sequences, States, States]:
    """All steps of a layer, then the next layer. Returns (output, h_n, c_n).

    Example:
        >>> import torch
        >>> from urnn.ladder.lstm import RUNGS, StagedLSTM
        >>> rnn = StagedLSTM(3, 4, num_layers=2, stages=RUNGS["naive"])  # runs layer by layer
        >>> output, (h_n, c_n) = rnn(torch.randn(5, 2, 3))
        >>> output.shape, h_n.shape
        (torch.Size([5, 2, 4]), torch.Size([2, 2, 4]))
    """
    last = []
    for weights, h, c in zip(layers, h_0, c_0, strict=True):
        x, h, c = _run_layer(x, h, c, weights, stages, side)
        last.append((h, c))
    h_n, c_n = zip(*last, strict=True)
    return x, torch.stack(h_n), torch.stack(c_n)


def _run_layer(
    x: Float[Tensor, "T B m"],
    h: Float[Tensor, "B n"],
    c: Float[Tensor, "B n"],
    weights: LayerWeights,
    stages: Stages,
    side: torch.cuda.Stream | None,
) -> tuple[Sequences, Float[Tensor, "B n"], Float[Tensor, "B n"]]:
    steps, states = x.unbind(0), [h.detach()]
    input_rows = Rows([step.detach() for step in steps])
    size = len(x), x.shape[1]
    known = addends(weights, x if stages.batched_input else None, size, Rows(states), input_rows, stages)
    weights = weights.in_steps(stages)
    W_ih = [right_operand(w, stages) for w in weights.input]  # noqa: N806
    W_hh = [right_operand(w, stages) for w in weights.recurrent]  # noqa: N806

    def input_part(t: int) -> list[Tensor]:
        z = [block[t] for block in known]
        return z if stages.batched_input else add_products(z, steps[t], W_ih)

    output = []
    for t in range(len(steps)):
        z = add_recurrent(partial(input_part, t), h, W_hh, side)
        h, c = pointwise(z, c, fused=stages.fused_pointwise)
        output.append(h)
        states.append(h.detach())
    return torch.stack(output), h, c


def wavefront(
    x: Float[Tensor, "T B m"],
    h_0: States,
    c_0: States,
    layers: list[LayerWeights],
    stages: Stages,
    side: torch.cuda.Stream | None,
) -> tuple[Sequences, States, States]:
    """Diagonal d = l + t after diagonal d - 1: T + L - 1 steps. Returns (output, h_n, c_n).

    A layer's input was made on the diagonal before by the layer below, so the states of one diagonal, from its
    lowest layer up, are the inputs of the next.

    Example:
        >>> import torch
        >>> from urnn.ladder.lstm import RUNGS, StagedLSTM
        >>> naive, fast = (StagedLSTM(3, 4, num_layers=2, stages=RUNGS[rung]) for rung in ("naive", "wavefront"))
        >>> fast.load_state_dict(naive.state_dict())
        <All keys matched successfully>
        >>> x = torch.randn(5, 2, 3)
        >>> torch.allclose(fast(x)[0], naive(x)[0], atol=1e-5)
        True
    """
    T, L = len(x), len(layers)  # noqa: N806
    inputs = _DiagonalInputs(x, h_0, layers, stages)
    W_hh = _stacked([weights.in_steps(stages).recurrent for weights in layers], stages)  # noqa: N806
    h, c = h_0[:0], c_0[:0]
    output, last = [], []
    for d in range(T + L - 1):
        low, high = max(0, d - T + 1), min(L - 1, d)
        below = h
        if d < L:  # a layer starts
            h, c = torch.cat((h, h_0[d : d + 1])), torch.cat((c, c_0[d : d + 1]))
        if d >= T:  # and one has read all its input
            h, c = h[1:], c[1:]
        W_active = [_layers(operand, low, high + 1) for operand in W_hh]  # noqa: N806
        z = add_recurrent(partial(inputs.diagonal, d, low, high, below), h, W_active, side)
        h, c = pointwise(z, c, fused=stages.fused_pointwise)
        inputs.record(low, h)
        if high == L - 1:
            output.append(h[-1])
        if d >= T - 1:
            last.append((h[0], c[0]))
    h_n, c_n = zip(*last, strict=True)
    return torch.stack(output), torch.stack(h_n), torch.stack(c_n)


class _DiagonalInputs:
    """What the layers of a diagonal get from below: layer 0 from x, in a GEMM of its own; all others in one."""

    def __init__(self, x: Tensor, h_0: Tensor, layers: list[LayerWeights], stages: Stages) -> None:
        self.batched_input = stages.batched_input
        self.steps = x.unbind(0)
        self.states = [[h.detach()] for h in h_0]
        rows = [Rows([step.detach() for step in self.steps])] + [Rows(states, 1) for states in self.states[:-1]]
        size = len(x), x.shape[1]
        self.known = [
            addends(weights, x if stages.batched_input and k == 0 else None, size, Rows(states), row, stages)
            for k, (weights, states, row) in enumerate(zip(layers, self.states, rows, strict=True))
        ]
        first, *upper = [weights.in_steps(stages).input for weights in layers]
        self.W_first = [right_operand(w, stages) for w in first]
        self.W_upper = _stacked(upper, stages) if upper else []

    def record(self, low: int, h: Float[Tensor, "active B n"]) -> None:
        """Keeps the states of a diagonal whose lowest layer is `low`, for the weights' gradients."""
        for states, state in zip(self.states[low:], h.detach().unbind(0), strict=False):
            states.append(state)

    def diagonal(self, d: int, low: int, high: int, below: Float[Tensor, "before B n"]) -> list[Tensor]:
        """The blocks (active, B, r) of layers low to high, given the states of the diagonal before."""
        parts = []
        if low == 0:
            z = [block[d] for block in self.known[0]]
            z = z if self.batched_input else add_products(z, self.steps[d], self.W_first)
            parts.append([block.expand(below.shape[1], -1).unsqueeze(0) for block in z])
        start = max(low, 1)
        if high >= start:
            parts.append(self._upper(d, start, high + 1, below))
        return parts[0] if len(parts) == 1 else [torch.cat(blocks) for blocks in zip(*parts, strict=True)]

    def _upper(self, d: int, start: int, stop: int, below: Tensor) -> list[Tensor]:
        """Layers start to stop - 1, start > 0, as one batched GEMM a block."""
        batch = below.shape[1]
        by_layer = [[block[d - k].expand(batch, -1) for block in self.known[k]] for k in range(start, stop)]
        z = [torch.stack(blocks) for blocks in zip(*by_layer, strict=True)]
        operands = [_layers(operand, start - 1, stop - 1) for operand in self.W_upper]
        return add_products(z, _layers(below, 0, stop - start), operands)


def _stacked(by_layer: list[Sequence[Tensor]], stages: Stages) -> list[Tensor]:
    """Each block's right operands, all layers in one tensor (L, k, r)."""
    return [right_operand(torch.stack(blocks), stages) for blocks in zip(*by_layer, strict=True)]


def _layers(tensor: Tensor, start: int, stop: int) -> Tensor:
    """tensor[start:stop], but the tensor itself where that is all: a slice's gradient is a copy of the whole."""
    return tensor if stop - start == len(tensor) else tensor[start:stop]
