"""The fused CUDA kernel: a sample runs through all time steps in one block of threads, its state in registers.

Nothing passes between blocks, so no step waits for another sample. With F unscaled, 1/n in D1 and D2, and both
reflections written as what they add to the product without them,

    W h = D3 F^-1 D2 Pi F D1 h + A1 (W1^H h) + A2 (K2^H h),
    W1 = D1^H F^-1 v1,    A1 = -2 D3 F^-1 D2 Pi v1,
    K2 = (D2 Pi R1 F D1)^H F v2,    A2 = -2 D3 v2,

the two sums depend on h alone and are under way while the transforms run. The adjoint's are found in the same way:
K1 = D3 R2 F^-1 D2 Pi v1 stands for the first reflection there. The backward pass keeps nothing but the states, as
that of the CPU kernel does (see cpu/__init__.py), and gradients are summed in a fixed order: the same bits every
time.

Known weakness: a call's parameters are made into tables in double precision by a block alone, which costs a short
sequence more than its steps. There is no second derivative.
"""

import warnings
from functools import cache

import torch

from urnn.backends.cuda import build, launch
from urnn.backends.cuda.plan import Plan, fits
from urnn.backends.kernel_cache import BuildError


def applies(n: int, device_type: str) -> bool:
    """Powers of two on a CUDA device that has the shared memory, where NVRTC is; says so once where it is not."""
    return device_type == "cuda" and fits(n) and _can_be_built(n)


@torch.compiler.assume_constant_result
def _can_be_built(n: int) -> bool:
    """For torch.compile, which must not trace into a compiler."""
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    if not _is_built(10 * properties.major + properties.minor):
        return False
    plan = Plan(n, min(8, n // 2), torch.float64, released=False)
    needed = max(plan.group(kernel).shared_bytes for kernel in launch.KERNELS)
    return bool(needed <= properties.shared_memory_per_block_optin)  # type: ignore[attr-defined] # torch's stub lacks it


@cache
def _is_built(architecture: int) -> bool:
    try:
        build.require(architecture)
    except BuildError as error:
        warnings.warn(str(error), RuntimeWarning, stacklevel=2)
        return False
    return True
