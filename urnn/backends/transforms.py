"""The fused operator under torch.func's transforms (grad, vjp, jacrev, vmap and their compositions).

They do not see an operator with a registered derivative; they do see an `autograd.Function` with a rule for vmap.
Such a function costs as much as a short sequence, so `fused.run_sequence` uses it only while a transform is
active.
"""

from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

NO_SECOND_DERIVATIVE = (
    "the fused kernels have no second derivative; URNN(..., backend='reference') has it, slower and for any order"
)


def active() -> bool:
    """Whether a transform of torch.func is active. torch has no public function for this."""
    return torch._C._are_functorch_transforms_active()


def forward_mode() -> bool:
    """Whether forward-mode derivatives are being taken, by torch.func.jvp or torch.autograd.forward_ad."""
    return forward_ad._current_level >= 0


def watched() -> bool:
    """Whether something wants to see each operation: a compiler, a transform, a mode, forward-mode derivatives.

    Example:
        >>> import torch
        >>> from urnn.backends.transforms import watched
        >>> seen = []
        >>> _ = torch.func.vmap(lambda x: seen.append(watched()) or x)(torch.ones(2))
        >>> watched(), seen
        (False, [True])
    """
    return (
        torch.compiler.is_compiling()
        or torch._C._is_tracing()
        or forward_mode()
        or active()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._len_torch_function_stack() > 0
    )


def refuse_forward_mode() -> None:
    """Raises if an operator is called in forward mode, which would silently drop its tangents.

    Raises:
        NotImplementedError: in forward mode. The layer and `fused.run_sequence` run the reference instead.
    """
    if forward_mode():
        raise NotImplementedError(
            "the fused operators have no forward-mode derivative; call URNN, which takes the reference for it, "
            "and take gradients of it outside of torch.func.jvp and forward_ad.dual_level"
        )


# What torch calls the value of a rule for vmap: the outputs, and the dimension of each that is mapped over.
Mapped = tuple[tuple[Tensor, ...], tuple[int, ...]]


class Sequence(Function):
    """`fused.run_sequence` as a function that transforms can differentiate and map."""

    @staticmethod
    def forward(*arguments: Tensor | float) -> tuple[Tensor, Tensor]:
        return torch.ops.urnn.sequence(*arguments)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        *tensors, ctx.epsilon = inputs
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(output[0], *tensors)

    @staticmethod
    def backward(
        ctx: Any, states_gradient: Tensor | None, last_gradient: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        with_x = ctx.needs_input_grad[0]
        x, h_0, theta, v, V, b = SequenceBackward.apply(  # noqa: N806 - the paper's letter
            states_gradient, last_gradient, *ctx.saved_tensors, ctx.epsilon, with_x
        )
        return x if with_x else None, h_0, theta, v, None, V, b, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], x: Tensor, h_0: Tensor, *parameters: Tensor | float
    ) -> Mapped:
        if any(dim is not None for dim in in_dims[2:]):
            return _one_by_one(Sequence, info.batch_size, in_dims, (x, h_0, *parameters))
        # With one set of parameters, the mapped dimension is more samples of the batch.
        count = info.batch_size
        x, h_0 = _in_front(x, in_dims[0], count).movedim(0, 1), _in_front(h_0, in_dims[1], count)
        batch = x.shape[2]
        x, h_0 = x.flatten(1, 2), h_0.flatten(0, 1)
        states, last = Sequence.apply(x, h_0, *parameters)
        return (states.unflatten(1, (count, batch)), last.unflatten(0, (count, batch))), (1, 0)


class SequenceBackward(Function):
    """The gradients of `Sequence`. Differentiating them raises an error that says what to do."""

    @staticmethod
    def forward(*arguments: Tensor | float | bool | None) -> tuple[Tensor, ...]:
        return torch.ops.urnn.sequence_backward(*arguments)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> NoReturn:
        raise NotImplementedError(NO_SECOND_DERIVATIVE)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *arguments: Tensor | float | bool | None) -> Mapped:
        # Each has its own gradient of the parameters; the kernel would add them up.
        return _one_by_one(SequenceBackward, info.batch_size, in_dims, arguments)


def _one_by_one(
    function: type[Function], count: int, in_dims: tuple[int | None, ...], arguments: tuple[Any, ...]
) -> Mapped:
    outputs = [
        function.apply(*(_slice(argument, dim, i) for argument, dim in zip(arguments, in_dims, strict=True)))
        for i in range(count)
    ]
    stacked = tuple(torch.stack(parts) for parts in zip(*outputs, strict=True))
    return stacked, (0,) * len(stacked)


def _slice(argument: Any, dim: int | None, i: int) -> Any:
    return argument if dim is None else argument.select(dim, i)


def _in_front(tensor: Tensor, dim: int | None, count: int) -> Tensor:
    """Moves the mapped dimension to the front; a tensor without one is expanded, which takes no memory."""
    return tensor.expand(count, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
