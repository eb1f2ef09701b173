"""The truth that every other backend is held against: the recurrence, step by step, as the paper writes it.

Eager complex tensors and autograd, nothing fused, nothing clever. Known weakness: some twenty small operations per
time step, so that dispatch dominates at small sizes, and autograd keeps about a dozen tensors per step.
"""

import torch

from urnn import unitary
from urnn.activations import modrelu
from urnn.backends.contract import Input, Parameters, State, States


def run_sequence(x: Input, h_0: State, parameters: Parameters) -> tuple[States, State]:
    """h_t = modReLU(W h_{t-1} + V x_t; b) for t = 1..T; see `contract.RunSequence`."""
    theta, v, permutation, V, b, epsilon = parameters  # noqa: N806 - the paper's letter
    D = unitary.phases(theta)  # noqa: N806
    directions = unitary.directions(v)
    h = unitary.to_complex(h_0)
    states = []
    for Vx_t in unitary.to_complex(x @ V.mT):  # noqa: N806
        h = modrelu(unitary.apply(h, D, directions, permutation) + Vx_t, b, epsilon)
        states.append(h)
    return unitary.to_pair(torch.stack(states)), unitary.to_pair(h)
