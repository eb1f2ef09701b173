"""One LSTM layer with gates on its inputs and units, a step at a time in plain torch.

    i, f, g, o = W (z_x o x_t) + U h_{t-1} + b
    c_t = s(f) o c_{t-1} + s(i) o tanh(g),   h_t = z_h o s(o) o tanh(c_t),   s = sigmoid

Gates differ from one sequence to the next, so they cannot be folded into the weights that nn.LSTM's kernels take.
A unit's gate stands where its value is made, and each consumer reads the same gated value.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from urnn.shapes import Float


class Weights(NamedTuple):
    """A layer's tensors as nn.LSTM lays them out: the rows of the gates i, f, g, o below each other.

    Example:
        >>> from torch import nn
        >>> from urnn.pruning.steps import weights_of
        >>> weights_of(nn.LSTM(3, 5, num_layers=2), 1).input.shape
        torch.Size([20, 5])
    """

    input: Float[Tensor, "4n m"]
    recurrent: Float[Tensor, "4n n"]
    biases: tuple[Tensor, ...]  # two of (4n,), or none


def weights_of(lstm: nn.LSTM, layer: int) -> Weights:
    """One layer's tensors.

    Example:
        >>> from torch import nn
        >>> from urnn.pruning.steps import weights_of
        >>> len(weights_of(nn.LSTM(3, 5, bias=False), 0).biases)
        0
    """
    names = ("bias_ih", "bias_hh") if lstm.bias else ()
    biases = tuple(getattr(lstm, f"{name}_l{layer}") for name in names)
    return Weights(getattr(lstm, f"weight_ih_l{layer}"), getattr(lstm, f"weight_hh_l{layer}"), biases)


def run_layer(
    x: Float[Tensor, "T B m"],
    h: Float[Tensor, "B n"],
    c: Float[Tensor, "B n"],
    weights: Weights,
    input_gate: Float[Tensor, "#B m"],
    unit_gate: Float[Tensor, "#B n"],
) -> tuple[Float[Tensor, "T B n"], Float[Tensor, "T B n"]]:
    """h and c after every step, h gated.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.pruning.steps import run_layer, weights_of
        >>> weights, zeros = weights_of(nn.LSTM(3, 5), 0), torch.zeros(2, 5)
        >>> h, c = run_layer(torch.randn(7, 2, 3), zeros, zeros, weights, torch.ones(1, 3), torch.zeros(1, 5))
        >>> h.abs().max()
        tensor(0., grad_fn=<MaxBackward1>)
    """
    bias = torch.stack(weights.biases).sum(0) if weights.biases else None
    read = functional.linear(x * input_gate, weights.input, bias)
    recurrent = weights.recurrent.t()
    states, cells = [], []
    for before in read.unbind(0):
        i, f, g, o = torch.addmm(before, h, recurrent).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = unit_gate * (o.sigmoid() * c.tanh())
        states.append(h)
        cells.append(c)
    return torch.stack(states), torch.stack(cells)
