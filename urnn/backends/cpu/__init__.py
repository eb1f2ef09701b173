"""The fused CPU kernel: the whole sequence in compiled C++, a block of samples at a time.

A block's state stays in cache while it runs through all time steps, one unit of 16 samples a vector
register. Where n is four registers or more (64 for float32 and AVX-512), the few samples that a batch leaves over
run one by one, a register 16 units of the same sample.
Two identities take passes away. With u1 = F^H v1 and u2 = F v2 (unit vectors),

    W = D3 F^-1 R2' D2 Pi F R1' D1,     R1' = I - 2 u1 u1^H,     R2' = I - 2 u2 u2^H,

so both reflections stand outside the transforms, and their dot products are summed up while the pass before
writes; the first is made up for after F, since F R1' D1 h = F D1 h - 2 (F u1) (u1^H D1 h). And the order that a
decimation-in-frequency transform leaves is folded into Pi, u2 and D2; its adjoint takes it back.

The backward pass keeps nothing but the states: where h != 0, |z| = |h| - b and z/|z| = h/|h|, and where h = 0
no gradient passes. Where |z| is so much smaller than b that the difference has lost its digits, z = W h + V x is
worked out again for that step (`RATIO` in modrelu.h); this is rare. It recomputes half of W h and needs three
transforms a step. The gradient of theta3 needs none:
with g = dL/dz, and V and dL/dV read as complex matrices,

    sum Im(g conj(W h)) = sum Im(g conj(z)) - Im(sum_m conj(V_m) dL/dV_m).

Known weakness: n must be a power of two from 4 on.
"""

import warnings
from functools import cache

import torch

from urnn.backends.cpu import build
from urnn.backends.kernel_cache import BuildError

SMALLEST, LARGEST = 4, 1 << 14


def fits(n: int, device_type: str) -> bool:
    """Powers of two on a CPU."""
    return device_type == "cpu" and SMALLEST <= n <= LARGEST and n & (n - 1) == 0


def applies(n: int, device_type: str) -> bool:
    """The same where the kernel can be built, which this does; says so once where it cannot."""
    return fits(n, device_type) and _can_be_built()


def expected(n: int, device_type: str) -> bool:
    """What `applies` will say, as far as that is known without starting a compiler."""
    failed = _is_built.cache_info().currsize > 0 and not _is_built(torch.float32)
    return fits(n, device_type) and not failed


def has(dtype: torch.dtype) -> bool:
    """Builds the kernel in this dtype; says so once where it cannot be. For a dtype without a kernel: true."""
    return dtype not in (torch.float32, torch.float64) or _can_be_built(dtype)


@torch.compiler.assume_constant_result
def _can_be_built(dtype: torch.dtype = torch.float32) -> bool:
    """`_is_built` for torch.compile, which must not trace into a compiler."""
    return _is_built(dtype)


@cache
def _is_built(dtype: torch.dtype) -> bool:
    try:
        build.functions(dtype)
    except BuildError as error:
        warnings.warn(str(error), RuntimeWarning, stacklevel=2)
        return False
    return True
