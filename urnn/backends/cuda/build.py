"""From the CUDA source to machine code, by NVRTC: it needs no compiler, no toolkit and no GPU.

Compiled at first use of a size, in one to four seconds. The cache of kernels keeps the result, keyed by source,
options and NVRTC's version. NVRTC and its Python bindings come with torch's CUDA wheels. Known weakness: a GPU
newer than NVRTC has no kernel until the package nvidia-cuda-nvrtc is updated.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from urnn.backends import kernel_cache
from urnn.backends.cuda.plan import Plan
from urnn.backends.kernel_cache import BuildError

SOURCE = Path(__file__).with_name("kernel.cu")
# With the assembler's report of registers and spills in the log, where the tests read it.
FLAGS = ("--std=c++17", "--ptxas-options=-v")


@dataclass(frozen=True)
class Build:
    """Machine code of one plan for one architecture, the PTX it was assembled from, and all messages."""

    cubin: bytes
    ptx: str
    log: str


def require(architecture: int) -> None:
    """Raises BuildError if kernels for this architecture (90: sm_90) cannot be built."""
    nvrtc = _nvrtc()
    known = _checked(nvrtc, nvrtc.nvrtcGetSupportedArchs())
    if architecture not in known:
        raise BuildError(
            f"NVRTC {_version(nvrtc)} compiles for sm_{min(known)} to sm_{max(known)} and this GPU is "
            f"sm_{architecture}, so the uRNN runs on its eager reference; install another release of "
            "NVRTC"
        )


@cache
def cubin(plan: Plan, architecture: int) -> bytes:
    """The kernels' machine code; compiles it unless it is in the cache.

    Raises:
        BuildError: NVRTC is missing or fails.
    """
    key = kernel_cache.key(SOURCE, plan.definitions(), architecture, FLAGS, _version(_nvrtc()))
    name = f"urnn-cuda-n{plan.n}-sm{architecture}-{key}.cubin"
    return kernel_cache.content(name, lambda: build(plan, architecture).cubin)


def build(plan: Plan, architecture: int) -> Build:
    """Compiles without the cache.

    Raises:
        BuildError: NVRTC is missing or fails; the message has its first error.
    """
    nvrtc = _nvrtc()
    program = _checked(nvrtc, nvrtc.nvrtcCreateProgram(SOURCE.read_bytes(), SOURCE.name.encode(), 0, [], []))
    defined = [f"-D{name}={value}" for name, value in plan.definitions().items()]
    options = [*FLAGS, f"--gpu-architecture=sm_{architecture}", f"--include-path={SOURCE.parent}", *defined]
    (failed,) = nvrtc.nvrtcCompileProgram(program, len(options), [os.fsencode(option) for option in options])
    log = _text(nvrtc, program, nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog).decode(errors="replace")
    if failed != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        first = next((line for line in log.splitlines() if "error" in line), failed.name)
        raise BuildError(f"NVRTC {_version(nvrtc)} could not compile the CUDA kernel for {plan}: {first.strip()}")
    code = _text(nvrtc, program, nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN)
    ptx = _text(nvrtc, program, nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX).decode()
    _checked(nvrtc, nvrtc.nvrtcDestroyProgram(program))
    return Build(code, ptx.rstrip("\0"), log.rstrip("\0"))


@cache
def _nvrtc() -> ModuleType:
    """NVRTC's bindings; raises BuildError if they or NVRTC itself are missing."""
    try:
        from cuda.bindings import nvrtc

        nvrtc.nvrtcVersion()
    except (ImportError, RuntimeError, OSError) as error:
        raise BuildError(
            f"the CUDA kernel needs NVRTC and its bindings ({' '.join(str(error).split())}), so the uRNN runs on "
            f"its eager reference, tens of times slower; pip install {_packages()}"
        ) from error
    return nvrtc


def _packages() -> str:
    """The packages with NVRTC and its bindings, for the version of CUDA that torch was built for."""
    major = int((torch.version.cuda or "13").partition(".")[0])
    return f"cuda-bindings=={major}.* nvidia-cuda-nvrtc{'' if major > 12 else f'-cu{major}'}"


def _version(nvrtc: ModuleType) -> str:
    return ".".join(str(part) for part in _checked(nvrtc, nvrtc.nvrtcVersion()))


def _checked(nvrtc: ModuleType, returned: tuple[Any, ...]) -> Any:
    """What a call of the bindings returned after its error code; raises BuildError if that is an error."""
    code, *values = returned
    if code != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise BuildError(f"NVRTC failed with {code.name}")
    return values[0] if len(values) == 1 else values


def _text(nvrtc: ModuleType, program: object, size_of: Callable[..., Any], read: Callable[..., Any]) -> bytes:
    buffer = b" " * _checked(nvrtc, size_of(program))
    _checked(nvrtc, read(program, buffer))
    return buffer
