"""The lower rungs of the uRNN's ladder: ways to run one layer over a sequence, step by step.

Every public function is a `urnn.backends.contract.RunSequence` and equals the reference. A rung differs from the
one before in what its name says; where something else comes along with it, its docstring says so. Known weakness:
they are here to be measured, not used; the first two do again in every step what does not depend on time, as a
first version does.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from urnn import unitary
from urnn.activations import modrelu
from urnn.backends import fused
from urnn.backends.contract import Input, Parameters, State, States
from urnn.ladder import real_pairs as pairs
from urnn.shapes import Float, Int


def op_by_op(x: Input, h_0: State, parameters: Parameters) -> tuple[States, State]:
    """The definition in complex tensors, each factor of W an operation of its own.

    Each step makes exp(i theta) and v / |v| afresh and multiplies its own V x_t.

    Example:
        >>> import torch
        >>> from urnn.ladder.unitary import LadderURNN
        >>> LadderURNN(3, 8, rung="op_by_op")(torch.randn(5, 2, 3))[0].shape
        torch.Size([5, 2, 16])
    """
    theta, v, permutation, V, b, epsilon = parameters  # noqa: N806 - the paper's letter
    h, states = unitary.to_complex(h_0), []
    for x_t in x:
        Wh = unitary.apply(h, unitary.phases(theta), unitary.directions(v), permutation)  # noqa: N806
        h = modrelu(Wh + unitary.to_complex(x_t @ V.mT), b, epsilon)
        states.append(h)
    return unitary.to_pair(torch.stack(states)), unitary.to_pair(h)


def real_pairs(x: Input, h_0: State, parameters: Parameters) -> tuple[States, State]:
    """The same operations on real and imaginary parts apart; only the transforms still take complex numbers.

    Example:
        >>> import torch
        >>> from urnn.ladder.unitary import LadderURNN
        >>> LadderURNN(3, 8, rung="real_pairs")(torch.randn(5, 2, 3))[0].shape
        torch.Size([5, 2, 16])
    """
    theta, v, permutation, V, b, epsilon = parameters  # noqa: N806 - the paper's letter
    real, imaginary = h_0.chunk(2, dim=-1)
    h, states = (real, imaginary), []
    for x_t in x:
        h = pairs.reflect(pairs.fourier(pairs.rotate(h, theta[0])), v[0])
        h = pairs.rotate(pairs.permute(h, permutation), theta[1])
        h = pairs.rotate(pairs.reflect(pairs.inverse_fourier(h), v[1]), theta[2])
        real, imaginary = (Wh + Vx for Wh, Vx in zip(h, (x_t @ V.mT).chunk(2, dim=-1), strict=True))
        factor = pairs.modrelu_factor((real, imaginary), b, epsilon)
        h = real * factor, imaginary * factor
        states.append(h)
    real, imaginary = (torch.stack(parts) for parts in zip(*states, strict=True))
    return torch.cat([real, imaginary], dim=-1), torch.cat(h, dim=-1)


def materialised(x: Input, h_0: State, parameters: Parameters) -> tuple[States, State]:
    """W written out once a sequence: W h is one real matrix product a step, of O(n^2) instead of O(n log n).

    exp(i theta) and v / |v| are then computed once a sequence too.

    Example:
        >>> import torch
        >>> from urnn.ladder.unitary import LadderURNN
        >>> LadderURNN(3, 8, rung="materialised")(torch.randn(5, 2, 3))[0].shape
        torch.Size([5, 2, 16])
    """
    theta, v, permutation, V, b, epsilon = parameters  # noqa: N806 - the paper's letter
    return _run_dense((x_t @ V.mT for x_t in x), h_0, _dense(theta, v, permutation), b, epsilon)


def hoisted_input(x: Input, h_0: State, parameters: Parameters) -> tuple[States, State]:
    """`materialised` with V x_t of all steps as one matrix product before the loop.

    Example:
        >>> import torch
        >>> from urnn.ladder.unitary import LadderURNN
        >>> LadderURNN(3, 8, rung="hoisted_input")(torch.randn(5, 2, 3))[0].shape
        torch.Size([5, 2, 16])
    """
    theta, v, permutation, V, b, epsilon = parameters  # noqa: N806 - the paper's letter
    return _run_dense(x @ V.mT, h_0, _dense(theta, v, permutation), b, epsilon)


def _dense(
    theta: Float[Tensor, "3 n"], v: Float[Tensor, "2 2*n"], permutation: Int[Tensor, " n"]
) -> Float[Tensor, "2*n 2*n"]:
    """The real matrix that takes a row [Re h, Im h] to [Re W h, Im W h]; theta and v get gradients through it."""
    rows = torch.eye(theta.shape[-1], dtype=theta.dtype, device=theta.device)
    transposed = unitary.apply(
        torch.complex(rows, torch.zeros_like(rows)), unitary.phases(theta), unitary.directions(v), permutation
    )
    real, imaginary = transposed.real, transposed.imag
    return torch.cat([torch.cat([real, imaginary], dim=1), torch.cat([-imaginary, real], dim=1)])


def _run_dense(
    inputs: Iterable[Float[Tensor, "B {2*len(b)}"]],
    h_0: Float[Tensor, "B {2*len(b)}"],
    W: Float[Tensor, "{2*len(b)} {2*len(b)}"],  # noqa: N803
    b: Float[Tensor, " n"],
    epsilon: float,
) -> tuple[Float[Tensor, "T B 2*n"], Float[Tensor, "B 2*n"]]:
    """The recurrence with W as a matrix for rows; `inputs` are V x_t in the order of time."""
    h, states = h_0, []
    for Vx_t in inputs:  # noqa: N806
        z = torch.addmm(Vx_t, h, W).unflatten(-1, (2, -1))
        factor = pairs.modrelu_factor((z[:, 0], z[:, 1]), b, epsilon)
        h = (z * factor.unsqueeze(1)).flatten(1)
        states.append(h)
    return torch.stack(states), h


def fused_step(x: Input, h_0: State, parameters: Parameters) -> tuple[States, State]:
    """The fused CPU kernel called for one time step at a time.

    W is applied through its transforms again. The kernel multiplies V x_t itself, so each step has its own product
    again: inside the kernel, or for a wide input in a matrix product before it.

    Example:
        >>> from urnn.ladder.unitary import RUNGS
        >>> RUNGS["fused_step"].devices  # with a C++ compiler
        ('cpu',)
    """
    h, states = h_0, []
    for x_t in x.split(1):
        state, h = fused.run_sequence(x_t, h, parameters)
        states.append(state)
    return torch.cat(states), h
