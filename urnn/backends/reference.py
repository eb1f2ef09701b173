"""The truth that every other backend is held against: the recurrence, step by step, as the paper writes it.

Eager complex tensors and autograd, nothing fused, nothing clever. Known weakness: some twenty small
operations a time step, so small sizes are bound by dispatch, and autograd keeps about a dozen tensors a step.
"""

import torch
from torch import Tensor

from urnn import unitary
from urnn.activations import modrelu
from urnn.shapes import Float, Int


def run_sequence(
    x: Float[Tensor, "T B m"],
    h_0: Float[Tensor, "B two_n"],
    theta: Float[Tensor, "3 n"],
    v: Float[Tensor, "2 two_n"],
    permutation: Int[Tensor, " n"],
    V: Float[Tensor, "two_n m"],  # noqa: N803 - the paper's letter
    b: Float[Tensor, " n"],
    epsilon: float,
) -> tuple[Float[Tensor, "T B two_n"], Float[Tensor, "B two_n"]]:
    """h_t = modReLU(W h_{t-1} + V x_t; b) for t = 1..T: all states and the last, as real pairs [Re; Im] like h_0.

    The last state stands apart so that a loss of it alone needs no gradient as large as all states.
    """
    D = unitary.phases(theta)  # noqa: N806
    directions = unitary.directions(v)
    h = unitary.to_complex(h_0)
    states = []
    for Vx_t in unitary.to_complex(x @ V.mT):  # noqa: N806
        h = modrelu(unitary.apply(h, D, directions, permutation) + Vx_t, b, epsilon)
        states.append(h)
    return unitary.to_pair(torch.stack(states)), unitary.to_pair(h)
