"""The forward and backward pass on the CUDA kernels: tables, launches, and the chunks of the backward pass.

Few inputs are multiplied by V inside the kernels, forward and backward, so that neither V x nor dL/dz of all steps
is written and read again. Where the gradient of x is wanted, or a thread has no registers for V's, the backward
pass writes dL/dz all the same.

Where x has 16 bits a number, so have V x, all states, dL/dz, and the gradients of x and of the states in memory:
half the traffic. Each is rounded once, to be written; what a step computes, and the state that it hands on, is
float32, so that no error grows with the number of steps. The backward pass reads the rounded states, and h_0 as if
it were one: each h turns by half an epsilon at most, and the gradient with it.
"""

import os
from functools import lru_cache

import torch
from torch import Tensor

from urnn import checks
from urnn.backends.cuda import launch
from urnn.backends.cuda import plan as cuda_plan
from urnn.backends.cuda.plan import FEW, OVERRIDE, Device, Plan, choose
from urnn.backends.cuda.tables import Tables
from urnn.backends.inputs import Gradients, Inputs

HALVES = tuple(cuda_plan.HALVES)  # see `fused.Kernel`
# Of the backward pass. One chunk of dL/dz is in memory at a time; sums within a chunk are in the inputs' dtype,
# sums over chunks in double. A small dL/dz is one chunk: each more costs several launches.
CHUNKS = 4
SMALL = 16 << 20  # bytes
NARROW = 16  # most inputs whose share of theta3's gradient the last kernel takes out, rather than four of torch's
SUMS, SUMS_OF_FEW = 8, 8 + 2 * FEW  # rows of sums from the backward pass, as in arguments.h
PLANS = 1024  # that are remembered


@lru_cache(PLANS)
def _chosen(
    n: int,
    batch: int,
    dtype: torch.dtype,
    released: bool,
    half: torch.dtype | None,
    device: Device,
    override: str | None,
) -> tuple[Plan, int]:
    """The plan and the blocks of a batch; `override` is what the environment says, which `choose` reads."""
    plan = choose(n, batch, dtype, released, device, half)
    return plan, plan.blocks(batch)


def kernels(
    n: int, batch: int, dtype: torch.dtype, released: bool, half: torch.dtype | None = None
) -> tuple[launch.Kernels, int]:
    """The kernels for a batch on the current device, and their blocks.

    Args:
        released: whether epsilon is positive.
        half: see `Plan`.
    """
    plan, blocks = _chosen(n, batch, dtype, released, half, launch.device(), os.environ.get(OVERRIDE))
    return launch.load(plan), blocks


def _of_call(given: Inputs, made: Tensor | None) -> tuple[launch.Kernels, int, Tables]:
    """The kernels for a call, their blocks, and the tables: what a call before made for them, or new ones."""
    b = given.b
    if made is None:
        checks.require_permutation(given.permutation)
    half = given.x.dtype if given.x.dtype in HALVES else None
    loaded, blocks = kernels(b.shape[0], given.x.shape[1], b.dtype, given.epsilon != 0, half)
    # Copies of 16 bytes begin at what is in `made`; a hook on saved tensors may have moved it.
    if made is not None and len(made) == Tables.size(b, loaded) and made.data_ptr() % 16 == 0:
        return loaded, blocks, Tables(made, loaded.plan)
    return loaded, blocks, Tables.of(b, loaded).make(loaded, given.theta, given.v, given.permutation, b)


def _aligned(rows: Tensor) -> Tensor:
    """The tensor, or a copy, at an address from which the kernels can copy 16 bytes at a time."""
    return rows if rows.data_ptr() % 16 == 0 else rows.clone()


def forward(given: Inputs) -> tuple[Tensor, Tensor, Tensor]:
    """All states (T, B, 2n), the last (B, 2n), and the tables, for `backward`."""
    steps, batch, _ = given.x.shape
    width = 2 * given.b.shape[0]
    states, last = given.x.new_empty(steps, batch, width), given.b.new_empty(batch, width)
    with launch.on(given.x.device):
        loaded, blocks, tables = _of_call(given, None)
        queue_forward(
            loaded, blocks, tables, given.x, given.V, given.h_0, given.h_0_stride, states, last, given.epsilon
        )
    return states, last, tables.memory


def queue_forward(
    loaded: launch.Kernels,
    blocks: int,
    tables: Tables,
    x: Tensor,
    V: Tensor,  # noqa: N803 - the paper's letter
    h_0: Tensor,
    h_0_stride: int,
    states: Tensor,
    last: Tensor,
    epsilon: float,
) -> None:
    """Queues what fills all states (T, B, 2n) and the last (B, 2n), for x (T, B, m)."""
    steps, batch, inputs = x.shape
    if inputs > FEW:
        torch.mm(x.flatten(0, 1), V.to(x.dtype).mT, out=states.flatten(0, 1))
    else:
        x = x.to(V.dtype)
    loaded.launch(
        "forward" if inputs > FEW else "forward_few", blocks, h_0.data_ptr(), h_0_stride, *tables.read,
        x.data_ptr(), V.data_ptr(), inputs, states.data_ptr(), last.data_ptr(), steps, batch, epsilon,
    )  # fmt: skip


def backward(
    given: Inputs,
    states: Tensor,
    states_gradient: Tensor | None,
    last_gradient: Tensor | None,
    with_x: bool,
    made: Tensor | None = None,
) -> Gradients:
    """Gradients of all arguments, of x only `with_x`.

    `made` is the tables that `forward` returned for the same parameters, or None.
    """
    steps, batch, width = states.shape
    n, inputs = width // 2, given.x.shape[2]
    states = _aligned(states)
    states_gradient = None if states_gradient is None else _aligned(states_gradient)
    gradients = Gradients.like(given, with_x)
    with launch.on(given.x.device):
        loaded, blocks, tables = _of_call(given, made)
        few = inputs <= FEW and not with_x and loaded.plan.sums_few
        chunk = steps if few or states.nbytes <= SMALL else -(-steps // CHUNKS)
        z_gradient = states.new_empty(0 if few else chunk, batch, width)
        first = given.h_0[: 1 if given.h_0_stride == 0 else batch].to(states.dtype)
        x_of_few = given.x.to(given.V.dtype) if few else given.x
        sums = states.new_zeros(blocks, SUMS_OF_FEW if few else SUMS, n, dtype=torch.float64)
        carry, later = gradients.h_0.data_ptr(), 0 if last_gradient is None else last_gradient.data_ptr()
        for end in range(steps, 0, -chunk):
            begin = max(0, end - chunk)
            loaded.launch(
                "backward_few" if few else "backward", blocks, first.data_ptr(), given.h_0_stride,
                *tables.read, given.x.data_ptr(), x_of_few.data_ptr(), given.V.data_ptr(), inputs,
                states.data_ptr(),
                0 if states_gradient is None else states_gradient.data_ptr(), later, carry,
                z_gradient.data_ptr(), sums.data_ptr(), begin, end, batch, given.epsilon,
            )  # fmt: skip
            later = carry
            if not few:
                of_chunk = z_gradient if end - begin == chunk else z_gradient[: end - begin]
                gradients.add_to_V(given, begin, of_chunk, first=end == steps)
                if with_x:
                    gradients.fill_x(given, begin, of_chunk)
        total = sums.sum(0) if blocks > 1 else sums
        loaded.launch(
            "finish", 1, total.data_ptr(), given.v.data_ptr(), given.permutation.data_ptr(), tables.roots,
            given.V.data_ptr(), gradients.V.data_ptr(), inputs if inputs <= NARROW else 0, few,
            gradients.theta.data_ptr(), gradients.v.data_ptr(), gradients.b.data_ptr(),
        )  # fmt: skip
        if inputs > NARROW:
            gradients.take_out_the_input(given)
    return gradients
