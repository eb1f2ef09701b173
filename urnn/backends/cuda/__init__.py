"""The fused CUDA kernel: a sample runs through all time steps in one block of threads, its state in registers.

Blocks exchange nothing, so no step waits for another sample. With F unscaled, its 1/n in D1 and D2, and both
reflections written as what they add to the product without them,

    W h = D3 F^-1 D2 Pi F D1 h + A1 (W1^H h) + A2 (K2^H h),
    W1 = D1^H F^-1 v1,    A1 = -2 D3 F^-1 D2 Pi v1,
    K2 = (D2 Pi R1 F D1)^H F v2,    A2 = -2 D3 v2,

the two sums depend on h alone and are computed while the transforms run. The adjoint is written in the same way,
with K1 = D3 R2 F^-1 D2 Pi v1 for its first reflection. The backward pass needs only the states, like that of the
CPU kernel (see cpu/__init__.py), and sums gradients in a fixed order: the same bits every time.

Known weakness: one block computes the tables of a call's parameters in double precision, which takes longer than
the steps of a short sequence. Calls without gradients keep them (tables.py).
"""

import warnings
from functools import cache

import torch

from urnn.backends.cuda import build
from urnn.backends.cuda.passes import fits
from urnn.backends.cuda.plan import Plan, possible
from urnn.backends.kernel_cache import BuildError
from urnn.backends.tracing import constant


def applies(n: int, device_type: str) -> bool:
    """Whether the current CUDA device can run n units and NVRTC can compile for it; warns once if it cannot."""
    return device_type == "cuda" and fits(n) and _can_be_built(n)


@constant
def _can_be_built(n: int) -> bool:
    """For torch.compile, which must not trace into a compiler."""
    return _can_be_built_on(n, torch.cuda.current_device())


@cache
def _can_be_built_on(n: int, device: int) -> bool:
    """A streaming call asks at every step, and torch makes a device's properties anew."""
    properties = torch.cuda.get_device_properties(device)
    if not _is_built(10 * properties.major + properties.minor):
        return False
    plan = Plan(n, possible(n)[-1], torch.float64, released=False)
    needed = max(plan.group(kernel).shared_bytes for kernel in plan.kernels)
    return bool(needed <= properties.shared_memory_per_block_optin)  # type: ignore[attr-defined] # torch's stub lacks it


@cache
def _is_built(architecture: int) -> bool:
    try:
        build.require(architecture)
    except BuildError as error:
        warnings.warn(str(error), RuntimeWarning, stacklevel=2)
        return False
    return True
