"""h_t = modReLU(W h_{t-1} + V x_t; b) with a dense real W: the operator in front of its CPU kernel.

For rivals of the uRNN whose authors give no kernel. Everything that torch wants of an operator is here: checks,
contiguous arguments, shapes for torch.compile and the derivative. torch.func's transforms, forward-mode
derivatives and batches of no samples run by torch's operators instead. Known weakness: there is no second
derivative; differentiating the backward pass raises an error.
"""

from typing import Any, NoReturn

import torch
from torch import Tensor

from urnn import checks
from urnn.backends import cpu, transforms
from urnn.backends.cpu import dense
from urnn.shapes import Float

DTYPES = (torch.float32, torch.float64)
NO_SECOND_DERIVATIVE = "the kernel of a dense recurrent matrix has first derivatives alone, and no second ones"

Sequence = tuple[Float[Tensor, "T B n"], Float[Tensor, "B n"]]


def applies(device_type: str, dtype: torch.dtype) -> bool:
    """Whether there is a kernel for tensors of that kind. Builds it; warns once if that is impossible."""
    return device_type == "cpu" and dtype in DTYPES and cpu.has(dtype)


def run_sequence(
    x: Float[Tensor, "T B m"],
    h_0: Float[Tensor, "B n"],
    W: Float[Tensor, "n n"],  # noqa: N803 - matrices
    V: Float[Tensor, "n m"],  # noqa: N803
    b: Float[Tensor, " n"],
) -> Sequence:
    """All states and the last one, real; by the kernel, which must apply.

    Raises:
        ValueError: a dtype that is not float32 or float64, or not the same for all.
        RuntimeError: sizes that do not belong together, or a tensor that is not dense, on a CPU and in memory.
    """
    if not all(tensor.layout is torch.strided for tensor in (x, h_0, W, V, b)):
        _require(x, h_0, W, V, b)  # where the dispatcher would answer with a page
    if x.shape[1] == 0 or transforms.active() or transforms.forward_mode():
        return by_operators(x, h_0, W, V, b)
    return torch.ops.urnn.dense_sequence(x, h_0, W, V, b)


def by_operators(x: Tensor, h_0: Tensor, W: Tensor, V: Tensor, b: Tensor) -> Sequence:  # noqa: N803
    """The same by torch's operators on any device, with every derivative; at z = 0 value and derivatives are 0.

    Example:
        >>> import torch
        >>> from urnn.backends.dense import by_operators
        >>> x, h_0, W, V = torch.ones(2, 1, 1), torch.zeros(1, 1), torch.eye(1), torch.tensor([[-3.0]])
        >>> by_operators(x, h_0, W, V, b=torch.tensor([-1.0]))[0].flatten()
        tensor([-2., -4.])
    """
    h, states = h_0, []
    for driven in x @ V.mT:
        z = driven + h @ W.mT
        h = z.sign() * torch.relu(z.abs() + b)
        states.append(h)
    return torch.stack(states), h


@torch.library.custom_op("urnn::dense_sequence", mutates_args=(), device_types="cpu")
def _sequence(x: Tensor, h_0: Tensor, W: Tensor, V: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:  # noqa: N803
    transforms.refuse_forward_mode()
    _require(x, h_0, W, V, b)
    checks.require_memory(x, h_0, W, V, b)
    states = dense.forward(*(tensor.contiguous() for tensor in (x, h_0, W, V, b)))
    return states, states[-1].clone()


@_sequence.register_fake
def _(x: Tensor, h_0: Tensor, W: Tensor, V: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:  # noqa: N803
    _require(x, h_0, W, V, b)
    return x.new_empty(x.shape[0], x.shape[1], b.shape[0]), x.new_empty(x.shape[1], b.shape[0])


@torch.library.custom_op("urnn::dense_sequence_backward", mutates_args=(), device_types="cpu")
def _sequence_backward(
    states_gradient: Tensor | None,
    last_gradient: Tensor | None,
    states: Tensor,
    x: Tensor,
    h_0: Tensor,
    W: Tensor,  # noqa: N803
    V: Tensor,  # noqa: N803
    with_x: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    transforms.refuse_forward_mode()
    _require(x, h_0, W, V)
    checks.require_gradients(states_gradient, last_gradient, states, x, W.shape[0])
    checks.require_memory(states_gradient, last_gradient, states, x, h_0, W, V)
    carry = torch.zeros_like(h_0, memory_format=torch.contiguous_format)
    if last_gradient is not None:
        carry.copy_(last_gradient)
    if states_gradient is not None:
        states_gradient = states_gradient.contiguous()
    x, h_0, W, V, states = (tensor.contiguous() for tensor in (x, h_0, W, V, states))  # noqa: N806
    of_x, of_W, of_V, of_b = dense.backward(x, h_0, W, V, states, states_gradient, carry, with_x)  # noqa: N806
    return x.new_empty(0) if of_x is None else of_x, carry, of_W, of_V, of_b


@_sequence_backward.register_fake
def _(
    states_gradient: Tensor | None,
    last_gradient: Tensor | None,
    states: Tensor,
    x: Tensor,
    h_0: Tensor,
    W: Tensor,  # noqa: N803
    V: Tensor,  # noqa: N803
    with_x: bool,
) -> tuple[Tensor, ...]:
    _require(x, h_0, W, V)
    of_x = x.new_empty(x.shape) if with_x else x.new_empty(0)
    return of_x, *(x.new_empty(tensor.shape) for tensor in (h_0, W, V)), x.new_empty(W.shape[0])


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(output[0], *inputs[:-1])


def _backward(ctx: Any, states_gradient: Tensor | None, last_gradient: Tensor | None) -> tuple[Tensor | None, ...]:
    with_x = ctx.needs_input_grad[0]
    of_x, *others = torch.ops.urnn.dense_sequence_backward(
        states_gradient, last_gradient, *ctx.saved_tensors, with_x
    )
    return of_x if with_x else None, *others


_sequence.register_autograd(_backward, setup_context=_setup_context)


def _second_derivative(ctx: Any, *gradients: Tensor | None) -> NoReturn:
    raise NotImplementedError(NO_SECOND_DERIVATIVE)


_sequence_backward.register_autograd(_second_derivative)


def _require(x: Tensor, h_0: Tensor, W: Tensor, V: Tensor, b: Tensor | None = None) -> None:  # noqa: N803
    """Raises unless these belong together; see `run_sequence`."""
    n = W.shape[0] if W.dim() else 0
    if x.dim() != 3 or 0 in x.shape or n == 0:
        raise RuntimeError(
            "expected an input of size (T, B, m) and a matrix W of size (n, n), with no size of 0, got "
            f"{tuple(x.shape)} and {tuple(W.shape)}"
        )
    expected = {
        "input": (x, tuple(x.shape)),
        "h_0": (h_0, (x.shape[1], n)),
        "W": (W, (n, n)),
        "V": (V, (n, x.shape[2])),
        **({} if b is None else {"b": (b, (n,))}),
    }
    for name, (tensor, size) in expected.items():
        if tensor.shape != size:
            raise RuntimeError(f"expected {name} of size {size}, got {tuple(tensor.shape)}")
        if tensor.dtype not in DTYPES or tensor.dtype != x.dtype:
            raise ValueError(
                f"expected {name} to be torch.float32 or torch.float64 like the input, which is {x.dtype}, got "
                f"{tensor.dtype}; convert one of the two"
            )
        if tensor.layout is not torch.strided or tensor.device != x.device:
            raise RuntimeError(
                f"expected {name} to be dense and on {x.device} like the input, got {tensor.layout} on "
                f"{tensor.device}"
            )
