"""The forward and backward pass on the CPU kernel: memory, threads, and the chunks of the backward pass."""

import torch
from torch import Tensor

from urnn import checks
from urnn.backends.cpu import LARGEST, SMALLEST
from urnn.backends.cpu.build import functions
from urnn.backends.inputs import Gradients, Inputs

HALVES: tuple[torch.dtype, ...] = ()  # see `fused.Kernel`
WIDEST_INPUT = 16  # features that the kernel multiplies by V itself; wider inputs go through `_multiply` before it
# Chunks of the backward pass. Sums within a chunk are in the inputs' dtype, sums over chunks in float64. If dL/dz
# is needed, one chunk of it is in memory at a time.
CHUNKS, CHUNKS_HELD = 4, 16


def _multiply(out: Tensor, a: Tensor, b: Tensor, adds: bool = False) -> None:
    """out = a b, or out += a b, for matrices of any strides, with the same bits for any number of threads.

    The library behind torch.mm changes the order of its sums with the number of threads.
    """
    of, threads = functions(out.dtype), torch.get_num_threads()
    work = torch.empty(of["multiply_workspace"](threads, *out.shape), dtype=torch.uint8)
    of["multiply"](
        threads, *out.shape, a.shape[1], a.data_ptr(), *a.stride(), b.data_ptr(), *b.stride(),
        out.data_ptr(), *out.stride(), adds, work.data_ptr(),
    )  # fmt: skip


class _Tables:
    """The kernel's tables for one set of parameters, released at the end of the `with` block."""

    def __init__(self, given: Inputs) -> None:
        checks.require_units(given.b.shape[0], SMALLEST, LARGEST)
        self.functions = functions(given.theta.dtype)
        self.given, self.n = given, given.b.shape[0]

    def __enter__(self) -> "_Tables":
        given = self.given
        parameters = (given.theta, given.v, given.permutation, given.b)
        self.handle = self.functions["tables"](self.n, *map(Tensor.data_ptr, parameters), given.epsilon)
        if not self.handle:
            raise ValueError(checks.no_permutation(self.n))
        return self

    def __exit__(self, *error: object) -> None:
        self.functions["release"](self.handle)

    def workspace(self, threads: int, inside: int | None = None) -> Tensor:
        """Memory for the planes, with `inside` for a backward pass. From torch, so that it is measured."""
        of = self.functions
        each = of["forward_workspace"](self.n) if inside is None else of["workspace"](self.n, inside)
        return torch.empty(threads * each, dtype=torch.uint8)


def forward(given: Inputs) -> tuple[Tensor, Tensor, None]:
    """All states (T, B, 2n), the last (B, 2n), and nothing for the backward pass, which makes its own tables."""
    steps, batch, m = given.x.shape
    states = given.x.new_empty(steps, batch, 2 * given.b.shape[0])
    inside = m <= WIDEST_INPUT
    if not inside:
        _multiply(states.flatten(0, 1), given.x.flatten(0, 1), given.V.mT)
    threads = min(torch.get_num_threads(), batch)  # there are no more slices than samples
    with _Tables(given) as tables:
        work = tables.workspace(threads)
        tables.functions["forward"](
            tables.handle, steps, batch, m, threads, given.h_0.data_ptr(), given.h_0_stride,
            given.x.data_ptr() if inside else None, given.V.data_ptr(), states.data_ptr(), work.data_ptr(),
        )  # fmt: skip
    return states, states[-1].clone(), None


def backward(
    given: Inputs,
    states: Tensor,
    states_gradient: Tensor | None,
    last_gradient: Tensor | None,
    with_x: bool,
    made: Tensor | None = None,
) -> Gradients:
    """Gradients of all arguments, of x only `with_x`."""
    steps, batch, m = given.x.shape
    n, threads = given.b.shape[0], min(torch.get_num_threads(), batch)
    gradients = Gradients.like(given, with_x)
    carry = gradients.h_0  # dL/dh of the last step, then of each step before
    if last_gradient is None:
        carry.zero_()
    else:
        carry.copy_(last_gradient)
    inside = m if m <= WIDEST_INPUT else 0  # features whose part of V's gradient the kernel sums up
    holds_z = with_x or not inside
    chunk = -(-steps // (CHUNKS_HELD if holds_z else CHUNKS))
    z_gradient = states.new_empty(chunk, batch, 2 * n) if holds_z else None
    product = states.new_empty(inside, 2 * n)
    with _Tables(given) as tables:
        work = tables.workspace(threads, inside)
        slices = tables.functions["slices"](n, batch)
        partial = torch.zeros(slices, (8 + 2 * inside) * n, dtype=torch.float64)
        for end in range(steps, 0, -chunk):
            begin = max(0, end - chunk)
            tables.functions["backward"](
                tables.handle, batch, m, inside, threads, given.h_0.data_ptr(), given.h_0_stride,
                given.x.data_ptr(), given.V.data_ptr(), states.data_ptr(),
                None if states_gradient is None else states_gradient.data_ptr(), begin, end, carry.data_ptr(),
                None if z_gradient is None else z_gradient.data_ptr(), partial.data_ptr(), work.data_ptr(),
            )  # fmt: skip
            if z_gradient is None:
                continue
            dz, x = z_gradient[: end - begin].flatten(0, 1), given.x[begin:end].flatten(0, 1)
            if not inside:
                _multiply(gradients.V, dz.mT, x, adds=end < steps)
            if with_x:
                _multiply(gradients.x[begin:end].flatten(0, 1), dz, given.V)
        tables.functions["finish"](
            tables.handle, inside, slices, partial.data_ptr(), given.v.data_ptr(), gradients.theta.data_ptr(),
            gradients.v.data_ptr(), gradients.b.data_ptr(), product.data_ptr(),
        )  # fmt: skip
    if inside:
        gradients.V.copy_(product.mT)
    gradients.take_out_the_input(given)
    return gradients
