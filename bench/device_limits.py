"""What a CUDA device can do at best, measured: a copy in its memory and a product of large matrices in float32.

Data sheets state rates that no program reaches; a share of a rate that was measured on the same device, minutes
before, says how much is left to gain.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch

from bench.meters import device_time
from bench.meters.warm_up import warm_up
from bench.precision import set_tf32
from bench.workloads import require_cuda

COPIED = 2**30  # bytes, many times the second cache of any device
SIDE = 8192  # of the matrices
SECONDS, ROUNDS = 0.3, 5


@dataclass(frozen=True)
class Limits:
    """Bytes read and written per second by a copy, and floating-point operations per second of a product."""

    copy_bytes_per_second: float
    product_flops: float


def measure() -> Limits:
    """The current CUDA device's.

    Raises:
        RuntimeError: there is no CUDA device.
    """
    require_cuda()
    set_tf32(False)
    generator = torch.Generator("cuda").manual_seed(0)
    return Limits(2 * COPIED / _copy_seconds(generator), 2 * SIDE**3 / _product_seconds(generator))


def _copy_seconds(generator: torch.Generator) -> float:
    source = torch.randn(COPIED // 4, device="cuda", generator=generator)
    target = torch.empty_like(source)
    return _seconds(lambda: target.copy_(source))


def _product_seconds(generator: torch.Generator) -> float:
    a, b = (torch.randn(SIDE, SIDE, device="cuda", generator=generator) for _ in range(2))
    out = torch.empty_like(a)
    return _seconds(lambda: torch.mm(a, b, out=out))


def _seconds(enqueue: Callable[[], object]) -> float:
    def run() -> None:
        enqueue()
        torch.cuda.synchronize()

    warm = warm_up(run, seconds=SECONDS / 3).warm_call
    found = device_time.measure(enqueue, warm_call=warm, seconds=SECONDS, at_least=ROUNDS)
    return statistics.median(found.samples)
