"""The forward and backward pass on the CUDA kernels: tables, launches, and the chunks of the backward pass."""

import torch
from torch import Tensor

from urnn import checks
from urnn.backends.cuda import launch
from urnn.backends.cuda.plan import choose
from urnn.backends.inputs import Gradients, Inputs

# Of the backward pass. One chunk of dL/dz is in memory at a time; sums within a chunk are in the inputs' dtype,
# sums over chunks in double. A small dL/dz is one chunk: each more costs several launches.
CHUNKS = 4
SMALL = 16 << 20  # bytes
ROWS = 13  # of the tables: `Row` in arguments.h
SUMS = 8  # rows of sums from the backward pass: `Sum` in arguments.h


class _Parameters:
    """The kernels for one call, and the tables that they read, computed from its parameters."""

    def __init__(self, given: Inputs) -> None:
        checks.require_permutation(given.permutation)
        n, batch = given.b.shape[0], given.x.shape[1]
        plan = choose(n, batch, given.b.dtype, given.epsilon != 0, launch.device())
        self.kernels, self.blocks = launch.load(plan), plan.blocks(batch)
        self.roots = given.b.new_empty(n, 2, dtype=torch.float64)
        places = given.b.new_empty(n, dtype=torch.int32)
        self.tables = (given.b.new_empty(ROWS, n, 2), given.b.new_empty(n), places)
        parameters = (given.theta, given.v, given.permutation, given.b)
        self.kernels.launch("tables", 1, *parameters, self.roots, *self.tables)


def forward(given: Inputs) -> tuple[Tensor, Tensor]:
    """All states (T, B, 2n) and the last (B, 2n)."""
    steps, batch, _ = given.x.shape
    width = 2 * given.b.shape[0]
    states, last = given.x.new_empty(steps, batch, width), given.x.new_empty(batch, width)
    with launch.on(given.x.device):
        torch.mm(given.x.flatten(0, 1), given.V.mT, out=states.flatten(0, 1))
        made = _Parameters(given)
        made.kernels.launch(
            "forward", made.blocks, given.h_0, given.h_0_stride, *made.tables, states, last,
            steps, batch, given.epsilon,
        )  # fmt: skip
    return states, last


def backward(
    given: Inputs, states: Tensor, states_gradient: Tensor | None, carry: Tensor, with_x: bool
) -> Gradients:
    """Gradients of the parameters and, `with_x`, of x; `carry`, dL/dh_T (B, 2n), becomes the gradient of h_0."""
    steps, batch, width = states.shape
    gradients = Gradients.like(given, with_x)
    chunk = steps if states.nbytes <= SMALL else -(-steps // CHUNKS)
    z_gradient = states.new_empty(chunk, batch, width)
    with launch.on(given.x.device):
        made = _Parameters(given)
        sums = states.new_zeros(made.blocks, SUMS, width // 2, dtype=torch.float64)
        for end in range(steps, 0, -chunk):
            begin = max(0, end - chunk)
            made.kernels.launch(
                "backward", made.blocks, given.h_0, given.h_0_stride, *made.tables,
                given.x, given.V, given.x.shape[2], states, states_gradient, carry,
                z_gradient, sums, begin, end, batch, given.epsilon,
            )  # fmt: skip
            gradients.add_to_V(given, begin, z_gradient[: end - begin])
            if with_x:
                gradients.fill_x(given, begin, z_gradient[: end - begin])
        made.kernels.launch(
            "finish", 1, sums.sum(0), given.v, given.permutation, made.roots,
            gradients.theta, gradients.v, gradients.b,
        )  # fmt: skip
    return gradients
