"""What stands in front of both fused kernels: one schema, two devices, one derivative.

Everything that the kernels share is here: checks, contiguous arguments, shapes for torch.compile, and the part of
the gradients that does not depend on the device. A plain call is an `autograd.Function`, which hands what the
forward pass made of the parameters to the backward pass. Whatever watches a call (`transforms.watched`) gets an
operator instead, which costs several times as much on the host. Forward-mode derivatives, and torch.func's
transforms inside torch.compile, run on the reference. Known weakness: there is no second derivative;
differentiating the backward pass raises an error.
"""

from typing import Any, NoReturn, Protocol

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import Parameter

from urnn import checks
from urnn.backends import cpu, reference, transforms
from urnn.backends.checked import checked, without_samples
from urnn.backends.contract import Input, Parameters, State, States
from urnn.backends.cpu import sequence as cpu_sequence
from urnn.backends.cuda import sequence as cuda_sequence
from urnn.backends.inputs import Gradients, Inputs

# What a kernel makes of the parameters alone, in a form of its own; None where it keeps nothing.
Made = Tensor | None


class Kernel(Protocol):
    """A fused kernel for one kind of device, as the operator calls it: everything is checked and in memory.

    Attributes:
        HALVES: dtypes of 16 bits that x may have, and all states and their gradients then have, beside parameters,
            a first and a last state in float32.
    """

    HALVES: tuple[torch.dtype, ...]

    def forward(self, given: Inputs) -> tuple[Tensor, Tensor, Made]:
        """All states (T, B, 2n), the last (B, 2n), and what a backward pass need not make again."""
        ...

    def backward(
        self,
        given: Inputs,
        states: Tensor,
        states_gradient: Tensor | None,
        last_gradient: Tensor | None,
        with_x: bool,
        made: Made,
    ) -> Gradients:
        """Gradients of all arguments, of x only `with_x`.

        `made` is what `forward` returned for the same arguments, or None.
        """
        ...


KERNELS: dict[str, Kernel] = {"cpu": cpu_sequence, "cuda": cuda_sequence}
REFERENCE = checked(reference.run_sequence)


def run_sequence(x: Input, h_0: State, parameters: Parameters) -> tuple[States, State]:
    """See `contract.RunSequence`; by the kernel of the device that x is on."""
    transformed = transforms.active()
    by_reference = transforms.forward_mode() or (transformed and torch.compiler.is_compiling())
    if (by_reference or x.shape[1] == 0) and x.dtype in _halves(x):
        states, last = run_sequence(x.float(), h_0, parameters)
        return states.to(x.dtype), last
    if x.shape[1] == 0:  # no kernel runs a batch of no samples
        checks.require(x, h_0, *parameters[:-1])
        return without_samples(x, h_0, parameters)
    if by_reference or (x.is_cpu and not cpu.has(x.dtype)):
        return REFERENCE(x, h_0, parameters)
    if transformed:
        return transforms.Sequence.apply(x, h_0, *parameters)
    if not _is_plain(x, h_0, *parameters[:-1]):
        return torch.ops.urnn.sequence(x, h_0, *parameters)
    if torch.is_grad_enabled():
        return _Sequence.apply(x, h_0, *parameters)
    states, last, _ = _run(x, h_0, *parameters)
    return states, last


def _halves(x: Tensor) -> tuple[torch.dtype, ...]:
    """`Kernel.HALVES` of the kernel for x's device; none where there is no kernel."""
    kernel = KERNELS.get(x.device.type)
    return () if kernel is None else kernel.HALVES


def _is_plain(x: Tensor, *others: Tensor) -> bool:
    """Whether nobody watches, and torch's dispatcher has nothing to do for these tensors."""
    if transforms.watched() or x.device.type not in KERNELS:
        return False
    return _are_as_stored(x, *others)


def _are_as_stored(*tensors: Tensor | None) -> bool:
    """Whether memory holds each as it is: dense, no wrapper, no sign or zeros that are yet to be written."""
    for tensor in tensors:
        if tensor is None:
            continue
        if type(tensor) not in (Tensor, Parameter) or tensor.is_neg() or tensor._is_zerotensor():
            return False
        if not checks.has_storage(tensor):
            return False
    return True


class _Sequence(Function):
    """A plain call, differentiable. Whatever watches its backward pass sees the operator there."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        states, last, made = _run(*arguments)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(states, *arguments[:-1], made)
        ctx.epsilon = arguments[-1]
        return states, last

    @staticmethod
    def backward(
        ctx: Any, states_gradient: Tensor | None, last_gradient: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        *saved, made = ctx.saved_tensors
        given = (states_gradient, last_gradient, *saved, ctx.epsilon, ctx.needs_input_grad[0])
        watched = torch.is_grad_enabled() or transforms.watched()
        if watched or not _are_as_stored(states_gradient, last_gradient):
            gradients = torch.ops.urnn.sequence_backward(*given)
        else:
            gradients = _run_backward(*given, made)
        return _of_arguments(ctx, gradients)


def _of_arguments(ctx: Any, gradients: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
    """The gradients in the order of the arguments of a sequence."""
    x, h_0, theta, v, V, b = gradients  # noqa: N806 - the paper's letter
    return x if ctx.needs_input_grad[0] else None, h_0, theta, v, None, V, b, None


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
    states, last, _ = _run(x, h_0, theta, v, permutation, V, b, epsilon)
    return states, last


def _run(x: Tensor, h_0: Tensor, *parameters: Any) -> tuple[Tensor, Tensor, Made]:
    """What the kernel's `forward` returns for the arguments of the operator, which it checks."""
    checks.require_kernel(x, h_0, *parameters[:-1], halves=_halves(x))
    return KERNELS[x.device.type].forward(Inputs.of(x, h_0, *parameters))


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
    checks.require(x, h_0, theta, v, permutation, V, b, halves=_halves(x))
    width = 2 * b.shape[0]
    return x.new_empty(x.shape[0], x.shape[1], width), b.new_empty(x.shape[1], width)


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
    return _run_backward(
        states_gradient, last_gradient, states, x, h_0, theta, v, permutation, V, b, epsilon, with_x, None
    )


def _run_backward(
    states_gradient: Tensor | None,
    last_gradient: Tensor | None,
    states: Tensor,
    x: Tensor,
    h_0: Tensor,
    *rest: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The gradients by the kernel, for the arguments of the operator and what the forward pass made, if known."""
    *parameters, with_x, made = rest
    checks.require_kernel(x, h_0, *parameters[:-1], halves=_halves(x))
    checks.require_gradients(states_gradient, last_gradient, states, x, 2 * parameters[-2].shape[0])
    checks.require_memory(states_gradient, last_gradient, states)
    states = states.contiguous()
    given = Inputs.of(x, h_0, *parameters)
    if last_gradient is not None:
        last_gradient = last_gradient.contiguous()
    if states_gradient is not None:
        states_gradient = states_gradient.contiguous()
    of = KERNELS[x.device.type].backward(given, states, states_gradient, last_gradient, with_x, made)
    return of.x, of.h_0, of.theta, of.v, of.V, of.b


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
    checks.require(x, h_0, theta, v, permutation, V, b, halves=_halves(x))
    checks.require_gradients(states_gradient, last_gradient, states, x, 2 * b.shape[0])
    x_gradient = x.new_empty(x.shape if with_x else 0)
    return x_gradient, b.new_empty(h_0.shape), *(p.new_empty(p.shape) for p in (theta, v, V, b))


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, h_0, theta, v, permutation, V, b, epsilon = inputs  # noqa: N806
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(output[0], x, h_0, theta, v, permutation, V, b)
    ctx.epsilon = epsilon


def _backward(ctx: Any, states_gradient: Tensor | None, last_gradient: Tensor | None) -> tuple[Tensor | None, ...]:
    gradients = torch.ops.urnn.sequence_backward(
        states_gradient, last_gradient, *ctx.saved_tensors, ctx.epsilon, ctx.needs_input_grad[0]
    )
    return _of_arguments(ctx, gradients)


_sequence.register_autograd(_backward, setup_context=_setup_context)


def _second_derivative(ctx: Any, *gradients: Tensor | None) -> NoReturn:
    raise NotImplementedError(transforms.NO_SECOND_DERIVATIVE)


_sequence_backward.register_autograd(_second_derivative)
# For gradients that are mapped over without torch.func, as by torch.autograd.grad(is_grads_batched=True).
_sequence.register_vmap(transforms.Sequence.vmap)
_sequence_backward.register_vmap(transforms.SequenceBackward.vmap)
