"""What a fused kernel reads, and the gradients that it leaves to matrix products."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Inputs(NamedTuple):
    """The arguments of `reference.run_sequence`, contiguous, so that a kernel can take their addresses.

    A tuple, because a stream makes one a step.

    Attributes:
        h_0: (B, 2n), or any number of rows of which the first is shared by the batch.
        h_0_stride: from a sample's row to the next one's; 0 where they share one.
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
    """Of everything but h_0, each like what it is the gradient of; x's is empty where none is asked for.

    A kernel's theta3 is the sum of Im(g conj(z)), g = dL/dz: what V x contributed to that is in it as well.
    """

    x: Tensor
    theta: Tensor
    v: Tensor
    V: Tensor
    b: Tensor

    @classmethod
    def like(cls, given: Inputs, with_x: bool) -> "Gradients":
        """Tensors to be filled; V's is zero, for sums."""
        x = torch.empty_like(given.x) if with_x else given.x.new_empty(0)
        return cls(
            x,
            torch.empty_like(given.theta),
            torch.empty_like(given.v),
            torch.zeros_like(given.V),
            torch.empty_like(given.b),
        )

    def add_to_V(self, given: Inputs, begin: int, z_gradient: Tensor) -> None:  # noqa: N802 - the paper's letter
        """What dL/dz (steps, B, 2n) of the steps from `begin` on adds to V's gradient."""
        x = given.x[begin : begin + len(z_gradient)]
        self.V.addmm_(z_gradient.flatten(0, 1).mT, x.flatten(0, 1))

    def fill_x(self, given: Inputs, begin: int, z_gradient: Tensor) -> None:
        """The gradient of x in the steps from `begin` on."""
        x = self.x[begin : begin + len(z_gradient)]
        torch.mm(z_gradient.flatten(0, 1), given.V, out=x.flatten(0, 1))
