"""The operator in front of both fused kernels: one schema, two devices, one derivative.

Everything that the kernels share is here: checks, contiguous arguments, shapes for torch.compile, and the part of
the gradients that does not depend on the device. Forward-mode derivatives, and torch.func's transforms inside
torch.compile, run on the reference. Known weakness: there is no second derivative; differentiating the backward
pass raises an error.
"""

from typing import Any, NoReturn, Protocol

import torch
from torch import Tensor

from urnn import checks
from urnn.backends import cpu, reference, transforms
from urnn.backends.checked import checked, without_samples
from urnn.backends.contract import Input, Parameters, State, States
from urnn.backends.cpu import sequence as cpu_sequence
from urnn.backends.cuda import sequence as cuda_sequence
from urnn.backends.inputs import Gradients, Inputs


class Kernel(Protocol):
    """A fused kernel for one kind of device, as the operator calls it: everything is checked and in memory."""

    def forward(self, given: Inputs) -> tuple[Tensor, Tensor]:
        """All states (T, B, 2n) and the last (B, 2n)."""
        ...

    def backward(
        self, given: Inputs, states: Tensor, states_gradient: Tensor | None, carry: Tensor, with_x: bool
    ) -> Gradients:
        """Gradients of the parameters and, `with_x`, of x; `carry`, dL/dh_T (B, 2n), becomes dL/dh_0."""
        ...


KERNELS: dict[str, Kernel] = {"cpu": cpu_sequence, "cuda": cuda_sequence}
REFERENCE = checked(reference.run_sequence)


def run_sequence(x: Input, h_0: State, parameters: Parameters) -> tuple[States, State]:
    """See `contract.RunSequence`; by the kernel of the device that x is on."""
    if x.shape[1] == 0:  # no kernel runs a batch of no samples
        checks.require(x, h_0, *parameters[:-1])
        return without_samples(x, h_0, parameters)
    transformed = transforms.active()
    by_reference = transforms.forward_mode() or (transformed and torch.compiler.is_compiling())
    if by_reference or (x.is_cpu and not cpu.has(x.dtype)):
        return REFERENCE(x, h_0, parameters)
    if transformed:
        return transforms.Sequence.apply(x, h_0, *parameters)
    return torch.ops.urnn.sequence(x, h_0, *parameters)


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
    transforms.refuse_forward_mode()
    checks.require_kernel(x, h_0, theta, v, permutation, V, b)
    given = Inputs.of(x, h_0, theta, v, permutation, V, b, epsilon=epsilon)
    return KERNELS[x.device.type].forward(given)


@_sequence.register_fake
def _(
    x: Tensor,
    h_0: Tensor,
    theta: Tensor,
    v: Tensor,
    permutation: Tensor,
    V: Tensor,  # noqa: N803
    b: Tensor,
    epsilon: float,
) -> tuple[Tensor, Tensor]:
    checks.require(x, h_0, theta, v, permutation, V, b)
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
    transforms.refuse_forward_mode()
    checks.require_kernel(x, h_0, theta, v, permutation, V, b)
    checks.require_gradients(states_gradient, last_gradient, states, x, 2 * b.shape[0])
    checks.require_memory(states_gradient, last_gradient, states)
    states = states.contiguous()
    given = Inputs.of(x, h_0, theta, v, permutation, V, b, epsilon=epsilon)
    carry = states.new_zeros(states.shape[1:])
    if last_gradient is not None:
        carry.copy_(last_gradient)
    if states_gradient is not None:
        states_gradient = states_gradient.contiguous()
    of = KERNELS[x.device.type].backward(given, states, states_gradient, carry, with_x)
    _take_out_the_input(of, given)
    return of.x, carry, of.theta, of.v, of.V, of.b


def _take_out_the_input(gradients: Gradients, given: Inputs) -> None:
    """Subtracts from theta3's gradient what V x contributed: Im(sum_m conj(V_m) dL/dV_m), V read as complex."""
    (re, im), (re_gradient, im_gradient) = given.V.chunk(2), gradients.V.chunk(2)
    gradients.theta[2] -= (re * im_gradient - im * re_gradient).sum(1)


@_sequence_backward.register_fake
def _(
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
) -> tuple[Tensor, ...]:
    checks.require(x, h_0, theta, v, permutation, V, b)
    checks.require_gradients(states_gradient, last_gradient, states, x, 2 * b.shape[0])
    x_gradient = torch.empty_like(x) if with_x else x.new_empty(0)
    return x_gradient, x.new_empty(h_0.shape), *(p.new_empty(p.shape) for p in (theta, v, V, b))


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, h_0, theta, v, permutation, V, b, epsilon = inputs  # noqa: N806
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(output[0], x, h_0, theta, v, permutation, V, b)
    ctx.epsilon = epsilon


def _backward(ctx: Any, states_gradient: Tensor | None, last_gradient: Tensor | None) -> tuple[Tensor | None, ...]:
    x_gradient, h_0, theta, v, V, b = torch.ops.urnn.sequence_backward(  # noqa: N806
        states_gradient, last_gradient, *ctx.saved_tensors, ctx.epsilon, ctx.needs_input_grad[0]
    )
    return x_gradient if ctx.needs_input_grad[0] else None, h_0, theta, v, None, V, b, None


_sequence.register_autograd(_backward, setup_context=_setup_context)


def _second_derivative(ctx: Any, *gradients: Tensor | None) -> NoReturn:
    raise NotImplementedError(transforms.NO_SECOND_DERIVATIVE)


_sequence_backward.register_autograd(_second_derivative)
# For gradients that are mapped over without torch.func, as by torch.autograd.grad(is_grads_batched=True).
_sequence.register_vmap(transforms.Sequence.vmap)
_sequence_backward.register_vmap(transforms.SequenceBackward.vmap)
