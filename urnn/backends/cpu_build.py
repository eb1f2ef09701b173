"""From the kernel's source to a loaded library, without the user's care.

Compiled at first use for this machine's widest instruction set, one library a dtype, into a cache keyed by source,
flags and compiler. Written under another name and renamed, so that processes that start together do not meet half
a file. Known weakness: the first use takes some ten seconds; `library` says in `build_seconds` what it took.
"""

import ctypes
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from urnn.backends.kernel_cache import BuildError, cache_folder

SOURCES = (
    "cpu.cpp",
    "cpu_backward.h",
    "cpu_kernel.h",
    "cpu_product.h",
    "cpu_single_backward.h",
    "cpu_single.h",
    "cpu_single_tables.h",
    "cpu_lanes.h",
    "cpu_tables.h",
    "cpu_modrelu.h",
    "cpu_fourier.h",
    "cpu_vectors.h",
)
FLAGS = ("-std=c++20", "-O3", "-fno-math-errno", "-fPIC", "-w")
TARGETS = {
    "avx512": ("-march=x86-64-v4", "-mprefer-vector-width=512"),
    "avx2": ("-march=x86-64-v3",),
    "baseline": (),
}


@dataclass(frozen=True)
class Library:
    """A loaded kernel.

    Attributes:
        functions: the C functions by their plain names ("forward", "backward", ...).
        target: the instruction set, a key of `TARGETS`.
        build_seconds: what compiling took, now or when the cache was filled; None where that is not known.
    """

    functions: dict[str, ctypes._CFuncPtr]
    target: str
    build_seconds: float | None


def target() -> str:
    """The instruction set to use: URNN_INSTRUCTION_SET, or the widest that this processor has."""
    asked = os.environ.get("URNN_INSTRUCTION_SET")
    if asked:
        if asked not in TARGETS:
            raise ValueError(f"URNN_INSTRUCTION_SET must be one of {', '.join(TARGETS)}; got {asked!r}")
        return asked
    if platform.machine() not in ("x86_64", "AMD64"):
        return "baseline"
    return {"AVX512": "avx512", "AVX2": "avx2"}.get(torch.backends.cpu.get_cpu_capability(), "baseline")


@cache
def library(dtype: str) -> Library:
    """The kernel for "float32" or "float64", compiled if the cache does not have it.

    Raises:
        BuildError: there is no compiler, or it fails.
    """
    chosen = target()
    path, seconds = _compiled(dtype, chosen)
    loaded = ctypes.CDLL(str(path))
    return Library({name: _function(loaded, name, kinds) for name, kinds in SIGNATURES.items()}, chosen, seconds)


POINTER, INDEX, REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
SIGNATURES = {
    "tables": (POINTER, INDEX, POINTER, POINTER, POINTER, POINTER, REAL),
    "release": (None, POINTER),
    "workspace": (INDEX, INDEX, INDEX),
    "slices": (INDEX, INDEX, INDEX),
    "forward": (None, POINTER, *[INDEX] * 4, POINTER, INDEX, *[POINTER] * 4),
    "backward": (None, POINTER, *[INDEX] * 4, POINTER, INDEX, *[POINTER] * 4, *[INDEX] * 2, *[POINTER] * 4),
    "multiply_workspace": (INDEX,),
    "multiply": (None, *[INDEX] * 4, POINTER, *[INDEX] * 2, POINTER, *[INDEX] * 2, POINTER, *[INDEX] * 3, POINTER),
    "finish": (None, POINTER, *[INDEX] * 2, *[POINTER] * 6),
}


def _function(loaded: ctypes.CDLL, name: str, kinds: tuple) -> ctypes._CFuncPtr:
    function = getattr(loaded, f"urnn_{name}")
    function.restype, function.argtypes = kinds[0], kinds[1:]
    return function


def compiler() -> str | None:
    """The C++ compiler: CXX, or g++, or none."""
    return shutil.which(os.environ.get("CXX") or "g++")


def _compiled(dtype: str, chosen: str) -> tuple[Path, float | None]:
    command = compiler()
    if command is None:
        raise BuildError(
            "no C++ compiler (g++) was found, so the uRNN runs on its eager reference, some ten times slower; "
            "install one (Debian and Ubuntu: apt-get install g++)"
        )
    folder = Path(__file__).parent
    flags = [*FLAGS, *TARGETS[chosen], f"-DURNN_REAL={'float' if dtype == 'float32' else 'double'}"]
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=False).stdout
    threads = _openmp()
    digest = hashlib.sha256(repr((flags, version, threads)).encode())
    for name in SOURCES:
        digest.update((folder / name).read_bytes())
    path = cache_folder() / f"urnn-{dtype}-{chosen}-{digest.hexdigest()[:16]}.so"
    if path.exists():
        return path, _noted_seconds(path)
    return path, _compile(command, flags, threads, folder / SOURCES[0], path)


def _note(path: Path) -> Path:
    """The file beside a library that says what compiling it took."""
    return path.with_suffix(".seconds")


def _noted_seconds(path: Path) -> float | None:
    try:
        return float(_note(path).read_text())
    except (OSError, ValueError):
        return None  # the process that is compiling it has not come so far, or was killed


def _compile(command: str, flags: list[str], threads: str | None, source: Path, path: Path) -> float:
    """Compiles in a folder beside the result and renames it into place; returns the seconds it took."""
    start = time.perf_counter()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            built = Path(scratch, path.name)
            openmp = ["-fopenmp"] if threads else []
            _call([command, *flags, *openmp, "-c", str(source), "-o", f"{built}.o"])
            # Linked to the library that torch has loaded: one pool of threads, not two that fight.
            _call([command, "-shared", f"{built}.o", *([threads] if threads else []), "-o", str(built)])
            built.replace(path)
        seconds = time.perf_counter() - start
        _note(path).write_text(f"{seconds:.3f}\n")
    except OSError as error:
        raise BuildError(
            f"cannot write the compiled kernel to {path.parent} ({error.strerror}), so the uRNN runs on its eager "
            "reference; name a folder that can be written in URNN_CACHE"
        ) from error
    return seconds


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[:200])
        raise BuildError(
            f"{command[0]} could not compile the kernel, so the uRNN runs on its eager reference: {first.strip()}"
        )


def _openmp() -> str | None:
    """The OpenMP library that torch has loaded into this process."""
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        return None
    found = re.search(r"/\S*/lib(?:gomp|omp|iomp5)[^/\s]*\.so\S*", maps)
    return found[0] if found else None
