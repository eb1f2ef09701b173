"""The LSTM's matrix products: how gates are grouped, weights laid out, streams used, and gradients put off.

A value before the activations is a sum: a bias or a whole input product (the addend), and the products of the
step. One GEMM's share of it is a block: all four gates, or one. So blocks come in lists of one or of four.

How a weight's gradient becomes one GEMM: a step multiplies by the detached weight, and the weight enters the graph
once, as an input of the identity on all steps' addends. That node gets the gradients of all steps together, and
reads the rows that were multiplied from a list which the forward pass goes on filling. The list is written in the
forward pass only, so several backward passes, or passes over a part of the graph, are right. Known weakness: the
list is freed with the graph, not by the backward pass, and hooks on saved tensors do not see it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.autograd.graph import saved_tensors_hooks

from urnn.ladder.lstm_stages import Stages
from urnn.shapes import Float


@dataclass(frozen=True)
class LayerWeights:
    """One layer's weights in blocks of r rows, r = 4n (one block) or n (four): (r, m), (r, n) and (r,), real.

    Example:
        >>> import torch
        >>> from urnn.ladder.lstm_products import LayerWeights
        >>> weights = torch.ones(8, 3), torch.ones(8, 2), torch.ones(8), torch.ones(8)
        >>> [len(LayerWeights.cut(*weights, grouped=grouped).input) for grouped in (True, False)]
        [1, 4]
    """

    input: Sequence[Tensor]
    recurrent: Sequence[Tensor]
    bias: Sequence[Tensor]

    @classmethod
    def cut(
        cls,
        W_ih: Float[Tensor, "gate_rows m"],  # noqa: N803 - matrices
        W_hh: Float[Tensor, "gate_rows n"],  # noqa: N803
        b_ih: Float[Tensor, " gate_rows"],
        b_hh: Float[Tensor, " gate_rows"],
        *,
        grouped: bool,
    ) -> "LayerWeights":
        """nn.LSTM's parameters of a layer as blocks; its two biases are only ever added, so there is one."""
        blocks = 1 if grouped else 4
        return cls(W_ih.chunk(blocks), W_hh.chunk(blocks), (b_ih + b_hh).chunk(blocks))

    def in_steps(self, stages: Stages) -> "LayerWeights":
        """The weights that the steps multiply by: without a gradient if that is put off."""
        if not stages.batched_weight_gradient:
            return self
        return LayerWeights([w.detach() for w in self.input], [w.detach() for w in self.recurrent], self.bias)


def right_operand(W: Float[Tensor, "*layers r k"], stages: Stages) -> Float[Tensor, "*layers k r"]:  # noqa: N803
    """W^T for x W^T: a view that every GEMM reads across, or a copy in its own order.

    Example:
        >>> import torch
        >>> from urnn.ladder.lstm_products import Stages, right_operand
        >>> right_operand(torch.ones(8, 3), Stages(transposed_weights=True)).is_contiguous()
        True
    """
    return W.mT.contiguous() if stages.transposed_weights else W.mT


def add_products(
    addends: Sequence[Tensor], x: Float[Tensor, "*layers B k"], operands: Sequence[Tensor]
) -> list[Tensor]:
    """addend + x W^T of each block: one GEMM a block, for one layer (B, k) or several (layers, B, k).

    Example:
        >>> import torch
        >>> from urnn.ladder.lstm_products import add_products
        >>> add_products([torch.tensor([10.0, 20.0])], torch.ones(1, 3), [torch.ones(3, 2)])
        [tensor([[13., 23.]])]
    """
    multiply = torch.addmm if x.dim() == 2 else torch.baddbmm
    return [multiply(addend, x, operand) for addend, operand in zip(addends, operands, strict=True)]


def add_recurrent(
    input_part: Callable[[], list[Tensor]],
    h: Float[Tensor, "*layers B n"],
    operands: Sequence[Tensor],
    side: torch.cuda.Stream | None,
) -> list[Tensor]:
    """What `input_part` makes, plus h W_hh^T; with `side`, the two are made at the same time.

    Each stream waits for the other, before and after, so no memory is reused while the other one reads it. In the
    backward pass, which runs a product where its forward pass ran, nothing waits like that: there the allocator is
    told that `side` reads what the products have saved.

    Example:
        >>> import torch
        >>> from urnn.ladder.lstm_products import add_recurrent
        >>> add_recurrent(lambda: [torch.ones(1, 2)], torch.ones(1, 3), [torch.ones(3, 2)], side=None)
        [tensor([[4., 4.]])]
    """
    if side is None:
        return add_products(input_part(), h, operands)
    main = torch.cuda.current_stream(h.device)
    side.wait_stream(main)
    with torch.cuda.stream(side), saved_tensors_hooks(partial(_read_on, side), lambda tensor: tensor):
        from_input = input_part()
    recurrent = [torch.matmul(h, operand) for operand in operands]
    main.wait_stream(side)
    return [a + b for a, b in zip(from_input, recurrent, strict=True)]


def _read_on(side: torch.cuda.Stream, tensor: Tensor) -> Tensor:
    """The tensor, whose memory is not given away before `side` has read it."""
    tensor.record_stream(side)
    return tensor


class Rows(NamedTuple):
    """The T rows (B, k) that a weight multiplies: `steps[first : first + T]`, all there after the forward pass.

    Example:
        >>> import torch
        >>> from urnn.ladder.lstm_products import Rows
        >>> Rows([torch.zeros(2, 3)] * 5, first=1).first
        1
    """

    steps: Sequence[Tensor]
    first: int = 0


def addends(
    weights: LayerWeights,
    x: Float[Tensor, "T B m"] | None,
    size: tuple[int, int],
    hidden: Rows,
    input: Rows,
    stages: Stages,
) -> list[Sequence[Tensor]]:
    """Of each block, T addends: what is known of a layer's values before its first step.

    Args:
        x: the layer's input if its product is to be batched over time; None if it is added step by step.
        size: (T, B).
        hidden, input: what the steps multiply by the recurrent and the input weights, read in the backward pass
            if `stages.batched_weight_gradient`; `input` is not read where x is given.

    Example:
        >>> import torch
        >>> from urnn.ladder.lstm_products import LayerWeights, Rows, Stages, addends
        >>> weights = LayerWeights([torch.ones(8, 3)], [torch.ones(8, 2)], [torch.ones(8)])
        >>> x, no_rows = torch.ones(5, 1, 3), Rows([])
        >>> (steps,) = addends(weights, x, (5, 1), no_rows, no_rows, Stages(grouped_gates=True))
        >>> len(steps), steps[0]
        (5, tensor([[4., 4., 4., 4., 4., 4., 4., 4.]]))
    """
    if x is not None:
        rows, operands = x.flatten(0, 1), [right_operand(w, stages) for w in weights.input]
        known = [block.unflatten(0, size) for block in add_products(weights.bias, rows, operands)]
        put_off, multiplied = [weights.recurrent], [hidden]
    else:
        known = [bias.expand(*size, -1) for bias in weights.bias]
        put_off, multiplied = [weights.recurrent, weights.input], [hidden, input]
    if stages.batched_weight_gradient:
        by_block = zip(*put_off, strict=True)
        return [_PutOff.apply(a, multiplied, *w) for a, w in zip(known, by_block, strict=True)]
    if x is None:
        return [[bias] * size[0] for bias in weights.bias]
    return [block.unbind(0) for block in known]


class _PutOff(Function):
    """(T, B, r) -> its T steps, unchanged; backward, each weight's gradient dz^T rows as one GEMM over T B."""

    @staticmethod
    def forward(ctx: Any, addends: Tensor, multiplied: list[Rows], *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.multiplied = multiplied
        return addends.unbind(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *dz_steps: Tensor) -> tuple[Tensor | None, ...]:
        dz = torch.stack(dz_steps)
        dz_t = dz.flatten(0, 1).mT
        gradients = []
        for (steps, first), needed in zip(ctx.multiplied, ctx.needs_input_grad[2:], strict=True):
            rows = steps[first : first + len(dz)]
            gradients.append(dz_t @ torch.cat(rows) if needed else None)
        return dz, None, *gradients


class FirstOrderOnly(Function):
    """The identity, differentiable once: a second derivative through detached weights would be wrong, silently.

    Example:
        >>> import torch
        >>> from urnn.ladder.lstm_products import FirstOrderOnly
        >>> FirstOrderOnly.apply(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return tensor.view_as(tensor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient
