"""The fused CPU kernel: the whole sequence in compiled C++, a block of samples at a time.

A block's state stays in cache while it runs through all time steps; a vector register holds one unit of 16
samples. If n is four registers or more (64 for float32 and AVX-512), the few samples that do not fill a block run
one by one, and a register holds 16 units of the same sample. Two identities save passes over the state. With
u1 = F^H v1 and u2 = F v2 (unit vectors),

    W = D3 F^-1 R2' D2 Pi F R1' D1,     R1' = I - 2 u1 u1^H,     R2' = I - 2 u2 u2^H,

so both reflections move outside the transforms. F keeps products, u1^H D1 h = (F u1)^H F D1 h for a unitary F, so
its last stage sums up both dot products of a block as it writes. The first reflection is applied after F, since
F R1' D1 h = F D1 h - 2 (F u1) (u1^H D1 h). And the order in which a decimation-in-frequency transform leaves its
output is folded into Pi, u2 and D2; the adjoint restores it.

The backward pass needs only the states: if h != 0, |z| = |h| - b and z/|z| = h/|h|, and if h = 0 no gradient
passes. If |z| is so much smaller than b that the difference has lost its digits, which is rare, z = W h + V x is
computed again for that step (`RATIO` in modrelu.h). The backward pass recomputes half of W h and needs three
transforms per step. The gradient of theta3 needs no transform: with g = dL/dz, and V and dL/dV read as complex
matrices,

    sum Im(g conj(W h)) = sum Im(g conj(z)) - Im(sum_m conj(V_m) dL/dV_m).

A product of 2, 3, 5 and 7 is a stage for each radix, other primes up to 100 are stages by the definition, and an n
with a larger one is a convolution of at least twice the length (plan.h). Known weakness: those last take several
times as long as their neighbours.
"""

import itertools
import warnings
from functools import cache

import torch

from urnn.backends.cpu import build
from urnn.backends.kernel_cache import BuildError, warn_once
from urnn.backends.tracing import constant

SMALLEST, LARGEST = 1, 1 << 14  # plan.h has the largest as well: there is no library yet when it is asked for


def fits(n: int, device_type: str) -> bool:
    """Whether there is a kernel for n units: up to `LARGEST`, on a CPU."""
    return device_type == "cpu" and SMALLEST <= n <= LARGEST


def applies(n: int, device_type: str) -> bool:
    """`fits`, and the kernel can be built. Builds it; warns once if that is impossible."""
    return fits(n, device_type) and _can_be_built()


def warn_of_size(n: int, device_type: str) -> None:
    """Warns once if n units on a CPU are too many for the kernel, and names the two nearest fast sizes."""
    if device_type == "cpu" and n > LARGEST:
        nearest = itertools.islice(filter(_is_fast, range(LARGEST, 0, -1)), 2)
        warn_once(
            f"URNN: hidden_size={n} runs on the eager reference, some ten times slower, since the CPU kernel ends "
            f"at {LARGEST} units; the nearest sizes that are fast are {' and '.join(map(str, nearest))}"
        )


def _is_fast(n: int) -> bool:
    """Whether n has no prime factor above 7."""
    for prime in (2, 3, 5, 7):
        while n % prime == 0:
            n //= prime
    return n == 1


def expected(n: int, device_type: str) -> bool:
    """What `applies` will return, as far as that is known without starting a compiler."""
    failed = _is_built.cache_info().currsize > 0 and not _is_built(torch.float32)
    return fits(n, device_type) and not failed


def has(dtype: torch.dtype) -> bool:
    """Whether the kernel can be built in this dtype; warns once if not. True for a dtype that has no kernel."""
    return dtype not in (torch.float32, torch.float64) or _can_be_built(dtype)


@constant
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
