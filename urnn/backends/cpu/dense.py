"""The CPU kernel for a dense real recurrent matrix: memory, and the chunks of the backward pass (see dense.h)."""

import torch
from torch import Tensor

from urnn.backends.cpu.build import functions

# The backward pass holds dL/dz of as many steps as fill a cache, and no fewer than make the products that read it
# worth their packing.
HELD_BYTES, HELD_ROWS = 1 << 18, 256


def forward(x: Tensor, h_0: Tensor, W: Tensor, V: Tensor, b: Tensor) -> Tensor:  # noqa: N803 - matrices
    """All states (T, B, n); every argument is contiguous."""
    (steps, batch, m), n = x.shape, len(b)
    states = x.new_empty(steps, batch, n)
    of = functions(x.dtype)
    work = x.new_empty(of["dense_workspace"](n, m))
    of["dense_forward"](
        torch.get_num_threads(), steps, batch, n, m,
        *(tensor.data_ptr() for tensor in (x, h_0, W, V, b, states, work)),
    )  # fmt: skip
    return states


def backward(
    x: Tensor,
    h_0: Tensor,
    W: Tensor,  # noqa: N803
    V: Tensor,  # noqa: N803
    states: Tensor,
    states_gradient: Tensor | None,
    carry: Tensor,
    with_x: bool,
) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
    """Gradients of x (None unless `with_x`), W, V and b; `carry`, dL/dh_T (B, n), becomes the gradient of h_0."""
    (steps, batch, m), n, threads = x.shape, len(W), torch.get_num_threads()
    held = min(steps, -(-max(HELD_ROWS * n * x.itemsize, HELD_BYTES) // (batch * n * x.itemsize)))
    of_x, of_W, of_V = torch.empty_like(x) if with_x else None, torch.empty_like(W), torch.empty_like(V)  # noqa: N806
    of_b = W.new_empty(n)
    of = functions(x.dtype)
    work = x.new_empty(of["dense_workspace_back"](threads, batch, n, held))
    of["dense_backward"](
        threads, steps, batch, n, m, held,
        *(
            None if tensor is None else tensor.data_ptr()
            for tensor in (x, h_0, W, V, states, states_gradient, carry, of_x, of_W, of_V, of_b, work)
        ),
    )  # fmt: skip
    return of_x, of_W, of_V, of_b
