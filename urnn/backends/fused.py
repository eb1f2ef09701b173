"""The operator that both fused kernels stand behind: one schema, two devices, one derivative.

What is the same for every kernel is done here once: rows made contiguous, shapes for torch.compile, and what the
gradients have in common. Known weakness: there is no second derivative; differentiating the backward pass raises
an error.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from urnn.backends import cpu, cuda

KERNELS = {"cpu": cpu, "cuda": cuda}


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
    """See `reference.run_sequence`; by the kernel of the device that x is on."""
    return torch.ops.urnn.sequence(x, h_0, theta, v, permutation, V, b, epsilon)


@torch.library.custom_op("urnn::sequence", mutates_args=(), device_types=tuple(KERNELS))
def _sequence(
    x: Tensor,
    h_0: Tensor,
    theta: Tensor,
    v: Tensor,
    permutation: Tensor,
    V: Tensor,  # noqa: N803
    b: Tensor,
    epsilon: float,
) -> tuple[Tensor, Tensor]:
    kernel = KERNELS[x.device.type]
    return kernel.forward(x.contiguous(), *_rows(h_0), theta, v, permutation, V.contiguous(), b, epsilon)


def _rows(h_0: Tensor) -> tuple[Tensor, int]:
    """h_0 and the distance of its rows: 0 where one first state is shared by the batch."""
    if h_0.stride(0) == 0 and h_0.stride(1) == 1:
        return h_0, 0
    return h_0.contiguous(), h_0.shape[1]


@_sequence.register_fake
def _(x, h_0, theta, v, permutation, V, b, epsilon):  # noqa: N803
    width = 2 * b.shape[0]
    return x.new_empty(x.shape[0], x.shape[1], width), x.new_empty(x.shape[1], width)


@torch.library.custom_op("urnn::sequence_backward", mutates_args=(), device_types=tuple(KERNELS))
def _sequence_backward(
    states_gradient: Tensor | None,
    last_gradient: Tensor | None,
    states: Tensor,
    x: Tensor,
    h_0: Tensor,
    theta: Tensor,
    v: Tensor,
    permutation: Tensor,
    V: Tensor,  # noqa: N803
    b: Tensor,
    epsilon: float,
    with_x: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    n, V = b.shape[0], V.contiguous()  # noqa: N806
    carry = states.new_zeros(states.shape[1:])
    if last_gradient is not None:
        carry.copy_(last_gradient)
    gradient = None if states_gradient is None else states_gradient.contiguous()
    x_gradient, theta_gradient, v_gradient, V_gradient, b_gradient = KERNELS[x.device.type].backward(  # noqa: N806
        gradient, carry, states, x.contiguous(), *_rows(h_0), theta, v, permutation, V, b, epsilon, with_x
    )
    # A kernel's theta3 is the sum of Im(g conj(z)), g = dL/dz; what V x contributed is no part of the gradient.
    theta_gradient[2] -= (V[:n] * V_gradient[n:] - V[n:] * V_gradient[:n]).sum(1)
    return x_gradient, carry, theta_gradient, v_gradient, V_gradient, b_gradient


@_sequence_backward.register_fake
def _(states_gradient, last_gradient, states, x, h_0, theta, v, permutation, V, b, epsilon, with_x):  # noqa: N803
    x_gradient = torch.empty_like(x) if with_x else x.new_empty(0)
    return x_gradient, x.new_empty(h_0.shape), *(p.new_empty(p.shape) for p in (theta, v, V, b))


def _setup_context(ctx, inputs, output) -> None:
    x, h_0, theta, v, permutation, V, b, epsilon = inputs  # noqa: N806
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(output[0], x, h_0, theta, v, permutation, V, b)
    ctx.epsilon = epsilon


def _backward(ctx, states_gradient: Tensor | None, last_gradient: Tensor | None):
    x_gradient, h_0, theta, v, V, b = torch.ops.urnn.sequence_backward(  # noqa: N806
        states_gradient, last_gradient, *ctx.saved_tensors, ctx.epsilon, ctx.needs_input_grad[0]
    )
    return x_gradient if ctx.needs_input_grad[0] else None, h_0, theta, v, None, V, b, None


_sequence.register_autograd(_backward, setup_context=_setup_context)
