"""What a measured process is given: threads, and a stated setting of the C library's allocator.

glibc hands large tensors back to the system at every free and faults them in again at the next call, which can
cost more than the arithmetic. Measured processes therefore keep their heap, every model alike, and the setting
is recorded with each figure. Where processes of two commits are compared, the heap is in huge pages too: pages of
4 kB lie differently in every process, and with them what the second-level cache holds. Of pairs of processes that
trained the same uRNN (n = 128, T = 100, B = 32, on a Xeon with full-width AVX-512), medians of 60 calls differed
by 8 % (standard deviation, 10 pairs) in small pages and by 2.5 to 4.3 % in huge ones; with the default heap those
of 300 and of 600 calls differed by 10 % alike. Known weakness: the variables are glibc's; elsewhere they change
nothing. Huge pages need a kernel whose transparent_hugepage/enabled is madvise or always.
"""

import os
import time
from collections.abc import Mapping

import numpy
import torch

from bench import git
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import build as cuda_build
from urnn.backends.cuda import launch as cuda_launch
from urnn.backends.cuda.plan import OVERRIDE, Device, choose
from urnn.backends.kernel_cache import BuildError

# Read by glibc when a process starts, so they must stand in its environment before that.
KEPT_HEAP = {
    "MALLOC_MMAP_THRESHOLD_": str(8 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
ALLOCATORS = {"kept": KEPT_HEAP, "huge": KEPT_HEAP | HUGE_PAGES, "default": {}}
HEAP_VARIABLES = (*KEPT_HEAP, *HUGE_PAGES)

# These would have another backend run than the one that the cell names, or cut it as nobody else has it.
OVERRIDES = ("URNN_BACKEND", OVERRIDE)

# What users set for sessions of their own might trace every line or start several processes.
SESSIONS = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "COVERAGE_PROCESS_START")

# The profiler's own notes on standard error, one pair a cell, say nothing that a reader needs.
QUIET = {"KINETO_LOG_LEVEL": "5"}


def measured_environment(allocator: str, threads: int, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for a process that measures; `allocator` is a key of `ALLOCATORS`."""
    kept = {name: value for name, value in base.items() if name not in (*HEAP_VARIABLES, *OVERRIDES, *SESSIONS)}
    numbers = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return {**git.environment(kept), **ALLOCATORS[allocator], **numbers, **QUIET}


def allocator_in_use(environment: Mapping[str, str] = os.environ) -> str:
    """Which of `ALLOCATORS` this process was started with, or "custom"."""
    found = {name: environment[name] for name in HEAP_VARIABLES if name in environment}
    return next((name for name, setting in ALLOCATORS.items() if setting == found), "custom")


def machine_facts() -> dict[str, object]:
    """What a figure depends on and pytest-benchmark does not note by itself; sizes in bytes.

    Builds the kernel where that has not been done, so that no cell's first call does.
    """
    cuda = torch.cuda.is_available()
    return {
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if cuda else None,
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "kernel_build_seconds": _kernel_build_seconds(),
        **(_gpu_facts() if cuda else {}),
    }


def why_no_kernel(device: str) -> BuildError | None:
    """Why the fused kernels for "cpu" or "cuda" cannot be built here; None where they can.

    A layer that lacks them only says that its backend cannot run.
    """
    try:
        if device == "cpu":
            cpu_build.library("float32")
        else:
            properties = torch.cuda.get_device_properties(torch.cuda.current_device())
            cuda_build.require(10 * properties.major + properties.minor)
    except BuildError as error:
        return error
    return None


def _gpu_facts() -> dict[str, object]:
    """What torch knows of the current CUDA device; TF32 is off but in cells whose dtype says otherwise."""
    device = torch.cuda.get_device_properties(torch.cuda.current_device())
    return {
        "gpu_memory_bytes": device.total_memory,
        "multiprocessors": device.multi_processor_count,
        "compute_capability": f"{device.major}.{device.minor}",
        "tf32": "off unless the dtype is tf32",
        "cuda_kernel_build_seconds": _cuda_kernel_build_seconds(
            10 * device.major + device.minor, cuda_launch.device()
        ),
    }


def _cuda_kernel_build_seconds(architecture: int, device: Device) -> float | None:
    """What NVRTC needs for the kernels of 512 units and 128 samples, whatever the cache has."""
    plan = choose(512, 128, torch.float32, released=False, device=device)
    start = time.perf_counter()
    try:
        cuda_build.build(plan, architecture)
    except BuildError:
        return None  # each cell that needs the kernel says why it has no value
    return time.perf_counter() - start


def _kernel_build_seconds() -> float | None:
    try:
        return cpu_build.library("float32").build_seconds
    except BuildError:
        return None  # each cell that needs the kernel says why it has no value
