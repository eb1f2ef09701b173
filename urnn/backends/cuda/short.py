"""The short way through a layer without gradients, as `cpu.operator` is on a CPU: few checks, few launches.

A step is the kernel that keeps the tables up to date and one launch more, which reads and writes the state in the
caller's format; a longer sequence is a product and a launch, and conversions of its states. What is not the plain
case gets None, and the general way then finds out why. Nothing here has a derivative.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from urnn import checks
from urnn.backends.cpu.operator import COMPLEX_OF
from urnn.backends.cuda import launch, sequence, tables
from urnn.unitary import to_complex, to_pair

# Bytes of V up to which a step multiplies it itself: each block reads all of it, a number at a time.
NARROW = 256 << 10


def stream(x: Tensor, h: Tensor, *parameters: Any) -> tuple[Tensor, Tensor] | None:
    """All states (T, B, 2n) and the last, complex (1, B, n), for x (T, B, m).

    Args:
        h: complex (1, B, n), or real (2n,) for all samples.
        parameters: theta, v, permutation, V, b, epsilon, and whether v stands for its conjugate.
    """
    steps, batch, _ = x.shape
    x, h = _in_order(x), _in_order(h)
    theta, v, permutation, V, b, epsilon, conjugated = parameters  # noqa: N806 - the paper's letter
    n = b.shape[0]
    shared = h.dim() == 1
    expected = x.dtype if shared else COMPLEX_OF.get(x.dtype)
    if h.dtype is not expected or h.shape != ((2 * n,) if shared else (1, batch, n)):
        return None
    if not _fit(x, h, theta, v, permutation, V, b):
        return None
    kernels, blocks = sequence.kernels(n, batch, x.dtype, epsilon != 0)
    states = x.new_empty((steps, batch, 2 * n))
    made = tables.of_call(kernels, theta, v, permutation, b, conjugated)
    if steps > 1:
        first = h if shared else to_pair(h[0])
        last = x.new_empty((batch, 2 * n))
        sequence.queue_forward(kernels, blocks, made, x, V, first, 0 if shared else 2 * n, states, last, epsilon)
        return states, to_complex(last).unsqueeze(0)
    last = h.new_empty((1, batch, n), dtype=COMPLEX_OF[x.dtype]) if shared else h.new_empty((1, batch, n))
    format = (0, 1, n) if shared else (2 * n, 2, 1)
    _launch_step(kernels, blocks, x, V, h, format, made, states, last.data_ptr(), epsilon)
    return states, last


def step(x: Tensor, h: Tensor, *parameters: Any) -> Tensor | None:
    """The next state (B, 2n) for x (B, m), or (2n,) for (m,).

    Args:
        h: the state, real (B, 2n), or (2n,) for all samples.
        parameters: as in `stream`.
    """
    x, h = _in_order(x), _in_order(h)
    theta, v, permutation, V, b, epsilon, conjugated = parameters  # noqa: N806 - the paper's letter
    n = b.shape[0]
    batch = x.shape[0] if x.dim() == 2 else 1
    shared = h.dim() == 1
    if h.dtype is not x.dtype or h.shape != ((2 * n,) if shared else (batch, 2 * n)):
        return None
    if not _fit(x, h, theta, v, permutation, V, b):
        return None
    kernels, blocks = sequence.kernels(n, batch, x.dtype, epsilon != 0)
    following = x.new_empty((batch, 2 * n) if x.dim() == 2 else (2 * n,))
    made = tables.of_call(kernels, theta, v, permutation, b, conjugated)
    _launch_step(kernels, blocks, x, V, h, (0 if shared else 2 * n, 1, n), made, following, 0, epsilon)
    return following


def _launch_step(
    kernels: launch.Kernels,
    blocks: int,
    x: Tensor,
    V: Tensor,  # noqa: N803
    h: Tensor,
    format: tuple[int, int, int],
    made: tables.Tables,
    states: Tensor,
    last: int,
    epsilon: float,
) -> None:
    """Queues one step; `format` is how far apart a state's samples, its units, and a unit's two parts are."""
    width, inputs = V.shape
    read = x.data_ptr()
    if V.nbytes > NARROW:
        torch.mm(x.view(-1, inputs), V.mT, out=states.view(-1, width))
        read = 0
    kernels.launch(
        "step", blocks, read, V.data_ptr(), inputs, h.data_ptr(), *format, *made.read, states.data_ptr(), last,
        x.numel() // inputs, epsilon,
    )  # fmt: skip


def _fit(
    x: Tensor,
    h: Tensor,
    theta: Tensor,
    v: Tensor,
    permutation: Tensor,
    V: Tensor,  # noqa: N803
    b: Tensor,
) -> bool:
    """Whether a kernel can read these by their addresses, on the current device; h's size and dtype are known.

    All that `checks.require_kernel` asks for, and that nothing is a subclass, or yet to be conjugated.
    """
    dtype, device, n, m = x.dtype, x.get_device(), b.shape[0], x.shape[-1]
    one = b.nbytes
    return (
        (dtype is checks.FLOAT or dtype is checks.DOUBLE)
        and dtype is theta.dtype is v.dtype is V.dtype is b.dtype
        and permutation.dtype is checks.LONG
        and device == launch.current_device()
        and device == h.get_device() == theta.get_device() == v.get_device()
        and device == permutation.get_device() == V.get_device() == b.get_device()
        and x.numel() > 0
        and n > 0
        and b.dim() == 1
        and theta.shape == (3, n)
        and v.shape == (2, 2 * n)
        and permutation.shape == (n,)
        and V.shape == (2 * n, m)
        and _holds(x, x.nbytes)
        and _holds(h, h.nbytes)
        and _holds(theta, 3 * one)
        and _holds(v, 4 * one)
        and _holds(permutation, 8 * n)
        and _holds(V, 2 * m * one)
        and _holds(b, one)
    )


def _holds(tensor: Tensor, size: int) -> bool:
    """Whether memory holds all its numbers, as they are, one after the other: so many bytes."""
    return (
        (type(tensor) is Parameter or type(tensor) is Tensor)
        and tensor.is_contiguous()
        and not tensor.is_neg()
        and tensor.untyped_storage().nbytes() >= size + tensor.storage_offset() * tensor.itemsize
    )


def _in_order(tensor: Tensor) -> Tensor:
    """The same numbers, one after the other; raises RuntimeError if they are not in memory."""
    if tensor.is_contiguous() and not tensor.is_conj():
        return tensor
    checks.require_memory(tensor)
    return tensor.resolve_conj().contiguous()
