"""The arguments of a fused kernel, and the gradients that it fills."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Inputs(NamedTuple):
    """The arguments of a `contract.RunSequence`, contiguous, so that a kernel can read them by their addresses.

    A tuple, because a stream makes one at every step.

    Attributes:
        h_0: (B, 2n), or one row that the whole batch shares.
        x: in V's dtype, or in one of 16 bits, which the states have then in memory.
        h_0_stride: elements from one sample's row to the next; 0 if they share one.
    """

    x: Tensor
    h_0: Tensor
    h_0_stride: int
    theta: Tensor
    v: Tensor
    permutation: Tensor
    V: Tensor
    b: Tensor
    epsilon: float

    @classmethod
    def of(
        cls,
        x: Tensor,
        h_0: Tensor,
        theta: Tensor,
        v: Tensor,
        permutation: Tensor,
        V: Tensor,  # noqa: N803 - the paper's letter
        b: Tensor,
        epsilon: float,
    ) -> "Inputs":
        shared = h_0.stride(0) == 0 and h_0.stride(1) == 1
        h_0, stride = (h_0, 0) if shared else (h_0.contiguous(), h_0.shape[1])
        return cls(
            x.contiguous(),
            h_0,
            stride,
            theta.contiguous(),
            v.contiguous(),
            permutation.contiguous(),
            V.contiguous(),
            b.contiguous(),
            epsilon,
        )


@dataclass(frozen=True)
class Gradients:
    """The gradients of everything, each shaped like its argument; x's is empty if it is not needed."""

    x: Tensor
    h_0: Tensor
    theta: Tensor
    v: Tensor
    V: Tensor
    b: Tensor

    @classmethod
    def like(cls, given: Inputs, with_x: bool) -> "Gradients":
        """Tensors to be filled."""
        x = torch.empty_like(given.x) if with_x else given.x.new_empty(0)
        return cls(
            x,
            given.b.new_empty(given.x.shape[1], 2 * given.b.shape[0]),
            torch.empty_like(given.theta),
            torch.empty_like(given.v),
            torch.empty_like(given.V),
            torch.empty_like(given.b),
        )

    def add_to_V(self, given: Inputs, begin: int, z_gradient: Tensor, first: bool) -> None:  # noqa: N802 - the paper's letter
        """Adds to V's gradient what dL/dz (steps, B, 2n) of the steps from `begin` on contributes.

        The `first` contribution takes the place of whatever is there. Of 16 bits, x and dL/dz have a product of as
        many, and float32 adds up.
        """
        x = given.x[begin : begin + len(z_gradient)].flatten(0, 1)
        by_unit = z_gradient.flatten(0, 1).mT
        if x.dtype != self.V.dtype:
            product = torch.mm(by_unit, x)
            if first:
                self.V.copy_(product)
            else:
                self.V.add_(product)
        elif first:
            torch.mm(by_unit, x, out=self.V)
        else:
            self.V.addmm_(by_unit, x)

    def fill_x(self, given: Inputs, begin: int, z_gradient: Tensor) -> None:
        """Fills x's gradient for the steps from `begin` on."""
        x = self.x[begin : begin + len(z_gradient)]
        torch.mm(z_gradient.flatten(0, 1), given.V.to(x.dtype), out=x.flatten(0, 1))

    def take_out_the_input(self, given: Inputs) -> None:
        """Makes theta3's gradient of the sum of Im(g conj(z)), g = dL/dz, once V's is known.

        The sum includes what V x contributed, Im(sum_m conj(V_m) dL/dV_m), V read as complex.
        """
        (re, im), (re_gradient, im_gradient) = given.V.chunk(2), self.V.chunk(2)
        self.theta[2] -= (re * im_gradient - im * re_gradient).sum(1)
