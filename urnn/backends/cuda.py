"""The fused CUDA kernel: a sample runs through all time steps in one block of threads, its state in registers.

Nothing passes between blocks, so no step waits for another sample. With F unscaled, 1/n in D1 and D2, and both
reflections written as what they add to the product without them,

    W h = D3 F^-1 D2 Pi F D1 h + A1 (W1^H h) + A2 (K2^H h),
    W1 = D1^H F^-1 v1,    A1 = -2 D3 F^-1 D2 Pi v1,
    K2 = (D2 Pi R1 F D1)^H F v2,    A2 = -2 D3 v2,

the two sums depend on h alone and are under way while the transforms run. The adjoint's are found in the same way:
K1 = D3 R2 F^-1 D2 Pi v1 stands for the first reflection there. The backward pass keeps nothing but the states, as
that of the CPU kernel does (see cpu.py), and gradients are summed in a fixed order: the same bits every time.

Known weakness: a call's parameters are made into tables in double precision by a block alone, which costs a short
sequence more than its steps. There is no second derivative.
"""

import warnings
from functools import cache

import torch
from torch import Tensor

from urnn import checks
from urnn.backends import cuda_build, cuda_launch, cuda_plan
from urnn.backends.cuda_plan import Plan
from urnn.backends.inputs import Gradients, Inputs
from urnn.backends.kernel_cache import BuildError

# Of the backward pass: dL/dz is held for one at a time; sums over one are in the inputs' dtype, all in double.
CHUNKS = 4
ROWS = 13  # of the tables, as cuda_arguments.h counts them
SUMS = 8  # rows of sums that the backward pass leaves


def applies(n: int, device_type: str) -> bool:
    """Powers of two on a CUDA device that has the shared memory, where NVRTC is; says so once where it is not."""
    return device_type == "cuda" and cuda_plan.fits(n) and _can_be_built(n)


@torch.compiler.assume_constant_result
def _can_be_built(n: int) -> bool:
    """For torch.compile, which must not trace into a compiler."""
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    if not _is_built(10 * properties.major + properties.minor):
        return False
    plan = Plan(n, min(8, n // 2), torch.float64, released=False)
    needed = max(plan.group(kernel).shared_bytes for kernel in cuda_launch.KERNELS)
    return needed <= properties.shared_memory_per_block_optin


@cache
def _is_built(architecture: int) -> bool:
    try:
        cuda_build.require(architecture)
    except BuildError as error:
        warnings.warn(str(error), RuntimeWarning, stacklevel=2)
        return False
    return True


class _Parameters:
    """The kernels for one call and the tables that they read, made of its parameters."""

    def __init__(self, given: Inputs) -> None:
        checks.require_permutation(given.permutation)
        n, batch = given.b.shape[0], given.x.shape[1]
        plan = cuda_plan.choose(n, batch, given.b.dtype, given.epsilon != 0, cuda_launch.multiprocessors())
        self.kernels, self.blocks = cuda_launch.load(plan), plan.blocks(batch)
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
    with cuda_launch.on(given.x.device):
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
    chunk = -(-steps // CHUNKS)
    z_gradient = states.new_empty(chunk, batch, width)
    with cuda_launch.on(given.x.device):
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
