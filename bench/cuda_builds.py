"""The CUDA kernels of many plans compiled beside each other into the kernel cache, with or without a GPU.

A plan takes NVRTC one to four seconds, and a process compiles one at a time; a GPU that is rented by the minute
should not wait for that. The cache that `URNN_CACHE` names can be taken along to a machine with the same version
of NVRTC.
"""

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

import torch

from bench import kernel_check
from bench.precision import TENSORS
from bench.profiles import get_profile
from urnn.backends.cuda import build
from urnn.backends.cuda import launch as cuda_launch
from urnn.backends.cuda.passes import POWERS_OF_TWO
from urnn.backends.cuda.plan import DTYPES, HALVES, Device, Plan, choose, possible, with_tables

LARGE = 132  # multiprocessors of an H100, where no GPU is at hand to ask
COMPARED = (128, 1056)  # samples with which `cuda_plans` is asked for its plans
# Bytes that a block can have of shared memory, by architecture (CUDA's programming guide); 99 KB on others.
SHARED_BYTES = {75: 64 * 1024, 80: 163 * 1024, 87: 163 * 1024, 90: 227 * 1024, 100: 227 * 1024, 103: 227 * 1024}


# In what a layer may compute and keep its states, and whether modReLU has an epsilon.
KINDS = [
    (dtype, half, released)
    for dtype in DTYPES
    for half in (None, *(HALVES if dtype == torch.float32 else ()))
    for released in (False, True)
]


def plans(architecture: int, sizes: Iterable[int]) -> list[Plan]:
    """Every plan of these sizes for an architecture (90: sm_90), the largest first since they take longest."""
    device = Device(1, _shared_bytes(architecture))
    cuts = [
        Plan(n, elements, dtype, released, half=half)
        for n in sorted(sizes, reverse=True)
        for elements in possible(n)
        for dtype, half, released in KINDS
    ]
    return list(dict.fromkeys(plan for cut in cuts for plan in (cut, with_tables(cut, 1, device))))


def usual_plans(architecture: int) -> list[Plan]:
    """Those that the kernel check and the profile for GPUs take, and the cuts that `cuda_plans` compares."""
    device = Device(_multiprocessors(), _shared_bytes(architecture))
    checked = [
        choose(n, batch, _computed_in(dtype), preset == "released", device, _half(dtype))
        for _, _, n, _, batch, dtype, preset, _ in kernel_check.all_sizes(get_profile("gpu").cells())
    ]
    compared = [
        with_tables(Plan(n, elements, torch.float32, released=False), batch, device)
        for n in POWERS_OF_TWO
        for elements in possible(n)
        for batch in COMPARED
    ]
    return sorted(dict.fromkeys([*checked, *compared]), key=lambda plan: -plan.n)


def _half(dtype: str) -> torch.dtype | None:
    return TENSORS[dtype] if TENSORS[dtype] in HALVES else None


def _computed_in(dtype: str) -> torch.dtype:
    return torch.float32 if _half(dtype) else TENSORS[dtype]


def _multiprocessors() -> int:
    return cuda_launch.device().multiprocessors if torch.cuda.is_available() else LARGE


def _shared_bytes(architecture: int) -> int:
    return SHARED_BYTES.get(architecture, 99 * 1024)


def compile_all(wanted: Iterable[Plan], architecture: int, processes: int | None = None) -> Iterator[Plan]:
    """Compiles what is not in the cache yet, and yields each plan as it is there.

    Args:
        architecture: 90 for sm_90.
        processes: at a time; default: one for each core.

    Raises:
        BuildError: NVRTC is missing, does not know the architecture, or fails.
    """
    build.require(architecture)
    workers = processes or os.cpu_count()
    # Fresh processes: one that is forked off a process with a CUDA context would hold a broken copy of it.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=fresh) as pool:
        pending = {pool.submit(_compile, plan, architecture): plan for plan in wanted}
        try:
            for done in as_completed(pending):
                done.result()
                yield pending[done]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _compile(plan: Plan, architecture: int) -> None:
    build.cubin(plan, architecture)


def architecture_here() -> int:
    """Of the current CUDA device: 90 for compute capability 9.0.

    Raises:
        RuntimeError: torch sees no CUDA device.
    """
    if not torch.cuda.is_available():
        raise RuntimeError("torch sees no CUDA device here; say for which GPU to compile, --architecture 90 say")
    major, minor = torch.cuda.get_device_capability()
    return 10 * major + minor
