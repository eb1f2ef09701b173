"""The LSTM cell's pointwise part: the formula, and the same as one function with as few launches as torch allows.

Known weakness of the fused one: it takes the sigmoid of all four gates and overwrites the cell gate's, because one
wasted sigmoid in four is cheaper than a launch; and it is differentiable once only.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from urnn.shapes import Float


def pointwise(
    z: list[Tensor], c: Float[Tensor, "*layers B n"], *, fused: bool
) -> tuple[Float[Tensor, "*layers B n"], Float[Tensor, "*layers B n"]]:
    """c' = s(f) c + s(i) tanh(g), h' = s(o) tanh(c') (Hochreiter, Schmidhuber 1997, with forget gates).

    Args:
        z: the gates i, f, g, o before their activations, real: four tensors (..., B, n), or one (..., B, 4n).
        c: the cell's state.
        fused: by `FusedPointwise`.

    Returns:
        (h', c'), real.

    Example:
        >>> import torch
        >>> from urnn.ladder.lstm_cell import pointwise
        >>> z, c = torch.randn(2, 12), torch.randn(2, 3)
        >>> h, c_next = pointwise([z], c, fused=False)
        >>> torch.allclose(pointwise([z], c, fused=True)[0], h, atol=1e-6)
        True
    """
    if fused:
        return FusedPointwise.apply(z[0] if len(z) == 1 else torch.cat(z, dim=-1), c)
    i, f, g, o = z[0].chunk(4, dim=-1) if len(z) == 1 else z
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


class FusedPointwise(Function):
    """`pointwise` of z (..., 4n) in 6 launches, and its gradient in 9.

    Example:
        >>> import torch
        >>> from urnn.ladder.lstm_cell import FusedPointwise
        >>> h, c = FusedPointwise.apply(torch.zeros(2, 12), torch.ones(2, 3))
        >>> c[0]  # half of c is kept, nothing is added
        tensor([0.5000, 0.5000, 0.5000])
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        gates = torch.sigmoid(z)
        i, f, g, o = gates.chunk(4, dim=-1)
        torch.tanh(z.chunk(4, dim=-1)[2], out=g)
        c_next = (f * c).addcmul_(i, g)
        tanh_c = torch.tanh(c_next)
        ctx.save_for_backward(gates, c, tanh_c)
        return o * tanh_c, c_next

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dh: Tensor, dc_next: Tensor) -> tuple[Tensor, Tensor]:
        gates, c, tanh_c = ctx.saved_tensors
        i, f, g, o = gates.chunk(4, dim=-1)
        dc_next = torch.addcmul(dc_next, dh, torch.ops.aten.tanh_backward(o, tanh_c))
        dz = torch.empty_like(gates)
        di, df, dg, do = dz.chunk(4, dim=-1)
        torch.mul(dc_next, g, out=di)
        torch.mul(dc_next, c, out=df)
        torch.mul(dh, tanh_c, out=do)
        # All four gates at once: what stands in dg is nothing yet, and is written after.
        torch.ops.aten.sigmoid_backward(dz, gates, grad_input=dz)
        torch.ops.aten.tanh_backward(dc_next * i, g, grad_input=dg)
        return dz, dc_next * f
