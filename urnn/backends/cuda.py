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

from urnn.backends import cuda_build, cuda_launch, cuda_plan
from urnn.backends.cuda_plan import Plan
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
    """The kernels and tables of one call."""

    def __init__(
        self, batch: int, theta: Tensor, v: Tensor, permutation: Tensor, b: Tensor, epsilon: float
    ) -> None:
        n = b.shape[0]
        plan = cuda_plan.choose(n, batch, b.dtype, epsilon != 0, cuda_launch.multiprocessors())
        self.v, self.permutation = v.contiguous(), permutation.contiguous()
        self.kernels, self.blocks = cuda_launch.load(plan), plan.blocks(batch)
        self.roots = b.new_empty(n, 2, dtype=torch.float64)
        self.tables, self.biases = b.new_empty(ROWS, n, 2), b.new_empty(n)
        self.places = b.new_empty(n, dtype=torch.int32)
        self.kernels.launch(
            "tables", 1, theta.contiguous(), self.v, self.permutation, b.contiguous(),
            self.roots, self.tables, self.biases, self.places,
        )  # fmt: skip


def forward(
    x: Tensor,
    h_0: Tensor,
    h_0_stride: int,
    theta: Tensor,
    v: Tensor,
    permutation: Tensor,
    V: Tensor,  # noqa: N803 - the paper's letter
    b: Tensor,
    epsilon: float,
) -> tuple[Tensor, Tensor]:
    """All states (T, B, 2n) and the last (B, 2n); a stride of 0 is a first state that the batch shares."""
    steps, batch, m = x.shape
    n = b.shape[0]
    states, last = x.new_empty(steps, batch, 2 * n), x.new_empty(batch, 2 * n)
    with cuda_launch.on(x.device):
        torch.mm(x.view(-1, m), V.mT, out=states.view(-1, 2 * n))
        given = _Parameters(batch, theta, v, permutation, b, epsilon)
        given.kernels.launch(
            "forward", given.blocks, h_0, h_0_stride, given.tables, given.biases, given.places,
            states, last, steps, batch, epsilon,
        )  # fmt: skip
    return states, last


def backward(
    states_gradient: Tensor | None,
    carry: Tensor,
    states: Tensor,
    x: Tensor,
    h_0: Tensor,
    h_0_stride: int,
    theta: Tensor,
    v: Tensor,
    permutation: Tensor,
    V: Tensor,  # noqa: N803
    b: Tensor,
    epsilon: float,
    with_x: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x (empty without `with_x`), theta, v, V and b; `carry` becomes that of h_0.

    theta's third row holds what V x adds to it as well, see `fused`.
    """
    steps, batch, m = x.shape
    n = b.shape[0]
    x_gradient = torch.empty_like(x) if with_x else x.new_empty(0)
    theta_gradient, v_gradient, b_gradient = (parameter.new_empty(parameter.shape) for parameter in (theta, v, b))
    V_gradient = torch.zeros_like(V)  # noqa: N806
    chunk = -(-steps // CHUNKS)
    z_gradient = states.new_empty(chunk, batch, 2 * n)
    with cuda_launch.on(x.device):
        given = _Parameters(batch, theta, v, permutation, b, epsilon)
        sums = states.new_zeros(given.blocks, SUMS, n, dtype=torch.float64)
        for end in range(steps, 0, -chunk):
            begin = max(0, end - chunk)
            given.kernels.launch(
                "backward", given.blocks, h_0, h_0_stride, given.tables, given.biases, given.places,
                states, states_gradient, carry, z_gradient, sums, begin, end, batch, epsilon,
            )  # fmt: skip
            z_rows = z_gradient[: end - begin].view(-1, 2 * n)
            V_gradient.addmm_(z_rows.mT, x[begin:end].view(-1, m))
            if with_x:
                torch.mm(z_rows, V, out=x_gradient[begin:end].view(-1, m))
        given.kernels.launch(
            "finish", 1, sums.sum(0), given.v, given.permutation, given.roots,
            theta_gradient, v_gradient, b_gradient,
        )  # fmt: skip
    return x_gradient, theta_gradient, v_gradient, V_gradient, b_gradient
