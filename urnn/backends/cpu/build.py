"""From the kernel's source to a loaded library, without anything for the user to do.

Compiled at first use for this machine's widest instruction set, or the next narrower one that the compiler knows.
The cache of kernels has one library per dtype, keyed by source, flags and compiler. Known weakness: the first use
takes some twenty seconds; `Library.build_seconds` is how long.
"""

import ctypes
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from urnn.backends import kernel_cache
from urnn.backends.cpu import openmp, operator
from urnn.backends.kernel_cache import BuildError

SOURCE = Path(__file__).with_name("kernel.cpp")
COMPILERS = ("g++", "c++", "clang++")  # tried in this order unless CXX names one
TIME_LIMIT = 300  # seconds for one call of the compiler, which takes about twenty
DTYPES = {torch.float32: "float32", torch.float64: "float64"}
FLAGS = ("-std=c++20", "-O3", "-fno-math-errno", "-fPIC")
# Widest first. Other processors than x86-64 have the last alone, their compiler's default, which on ARM has NEON.
# Not -march=native or -mcpu=native: a kernel in a shared home serves several machines.
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
        build_seconds: what compiling took, now or when it was cached; None if that is not known.
    """

    functions: dict[str, Callable[..., Any]]
    target: str
    build_seconds: float | None


class _CompilerError(BuildError):
    """The compiler ran and failed."""

    def __init__(self, compiler: str, reason: str) -> None:
        super().__init__(
            f"{compiler} could not compile the kernel, so the uRNN runs on its eager reference: {reason}; name "
            "another C++ compiler in CXX (g++ from 11 on, clang++ from 14 on)"
        )
        self.reason = reason


def target() -> str:
    """The instruction set to use: URNN_INSTRUCTION_SET, or the widest that this processor has.

    Raises:
        ValueError: URNN_INSTRUCTION_SET is unknown or wider than this processor's, which would end the process.
    """
    asked, widest = os.environ.get("URNN_INSTRUCTION_SET"), _widest()
    if not asked:
        return widest
    if asked not in TARGETS:
        raise ValueError(f"URNN_INSTRUCTION_SET must be one of {', '.join(TARGETS)}; got {asked!r}")
    if asked not in _from(widest):
        raise ValueError(
            f"URNN_INSTRUCTION_SET={asked} is wider than what torch finds on this processor, which is {widest}; "
            f"use one of {', '.join(_from(widest))}, or unset it"
        )
    return asked


def _widest() -> str:
    if platform.machine() not in ("x86_64", "AMD64"):
        return "baseline"
    return {"AVX512": "avx512", "AVX2": "avx2"}.get(torch.backends.cpu.get_cpu_capability(), "baseline")


def _from(widest: str) -> list[str]:
    """An instruction set and all narrower ones."""
    known = list(TARGETS)
    return known[known.index(widest) :]


@cache
def library(dtype: str) -> Library:
    """The kernel for "float32" or "float64"; compiles it unless it is in the cache.

    Raises:
        BuildError: there is no compiler, it fails, or its output cannot be loaded.
        ValueError: see `target`.
    """
    if not kernel_cache.POSIX:
        raise BuildError(
            "the CPU kernel is built on Linux and macOS alone, so the uRNN runs on its eager reference"
        )
    command, complaint = _required_compiler()
    version = _call([*command, "--version"])[1]
    widest = target()
    refused: _CompilerError | None = None
    for chosen in _from(widest):
        try:
            made = _library(dtype, chosen, command, version)
        except _CompilerError as error:
            refused = refused or error
            continue
        if refused:
            kernel_cache.warn_once(
                f"{shlex.join(command)} cannot compile the kernel for {widest} ({refused.reason}), so it is "
                f"compiled for {chosen}, which is slower; install a newer compiler, or set "
                f"URNN_INSTRUCTION_SET={chosen} if this is meant"
            )
        kernel_cache.warn_once(complaint)
        address, complaint = openmp.start_team()
        kernel_cache.warn_once(complaint)
        made.functions["share_threads"](address)
        operator.register(dtype, made.functions["register"])
        return made
    assert refused is not None  # `_from` names one instruction set at least
    raise refused


def functions(dtype: torch.dtype) -> dict[str, Callable[..., Any]]:
    """The kernel's C functions for float32 or float64, by their plain names; see `library`."""
    return library(DTYPES[dtype]).functions


POINTER, INDEX, REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
SIGNATURES = {
    "largest": (INDEX,),
    "share_threads": (None, POINTER),
    "register": (INDEX, POINTER, POINTER, POINTER),
    "tables": (POINTER, INDEX, POINTER, POINTER, POINTER, POINTER, REAL),
    "release": (None, POINTER),
    "workspace": (INDEX, INDEX, INDEX),
    "forward_workspace": (INDEX, INDEX),
    "slices": (INDEX, INDEX, INDEX),
    "forward": (None, POINTER, *[INDEX] * 4, POINTER, INDEX, *[POINTER] * 4),
    "backward": (None, POINTER, *[INDEX] * 4, POINTER, INDEX, *[POINTER] * 4, *[INDEX] * 2, *[POINTER] * 4),
    "multiply_workspace": (INDEX, *[INDEX] * 3),
    "multiply": (None, *[INDEX] * 4, POINTER, *[INDEX] * 2, POINTER, *[INDEX] * 2, POINTER, *[INDEX] * 3, POINTER),
    "finish": (None, POINTER, *[INDEX] * 2, *[POINTER] * 6),
    "dense_workspace": (INDEX, *[INDEX] * 2),
    "dense_forward": (None, *[INDEX] * 5, *[POINTER] * 7),
    "dense_workspace_back": (INDEX, *[INDEX] * 4),
    "dense_backward": (None, *[INDEX] * 6, *[POINTER] * 12),
}


def _loaded(path: Path) -> dict[str, Callable[..., Any]]:
    loaded = ctypes.CDLL(str(path))
    return {name: _function(loaded, name, kinds) for name, kinds in SIGNATURES.items()}


def _function(loaded: ctypes.CDLL, name: str, kinds: tuple[Any, ...]) -> Callable[..., Any]:
    try:
        function = getattr(loaded, f"urnn_{name}")
    except AttributeError as error:
        raise OSError(str(error)) from error  # what ctypes raises for everything else that is wrong with a library
    function.restype, function.argtypes = kinds[0], kinds[1:]
    return function


def _library(dtype: str, chosen: str, command: list[str], version: str) -> Library:
    real = f"-DURNN_REAL={'float' if dtype == 'float32' else 'double'}"
    compiling = [*command, *FLAGS, *TARGETS[chosen], real]
    # A C compiler's driver (CXX=gcc) does not link the C++ library by itself. macOS loads a library of any suffix.
    linked = ["-lstdc++", "-lm"] if sys.platform == "linux" else []
    # Machines of several kinds may share a home, and compilers of one version and name.
    key = kernel_cache.key(SOURCE, compiling, linked, version, platform.machine(), sys.platform)

    def build() -> bytes:
        with kernel_cache.private() as folder:
            made, library = folder / "kernel.o", folder / "kernel.so"
            _compile([*compiling, "-c", str(SOURCE), "-o", str(made)], folder)
            _compile([*command, "-shared", str(made), *linked, "-o", str(library)], folder)
            return library.read_bytes()

    functions, seconds = kernel_cache.loaded(f"urnn-{dtype}-{chosen}-{key}.so", build, _loaded)
    return Library(functions, chosen, seconds)


def compiler() -> list[str] | None:
    """The command that compiles C++: the one that CXX names, or the first of `COMPILERS` found, or None."""
    return _command(_asked()) or next(filter(None, map(_command, COMPILERS)), None)


def _asked() -> str:
    return os.environ.get("CXX", "").strip()


def _command(words: str) -> list[str] | None:
    """A command, split as a shell would, with the path of its program; None if there is no such program."""
    if whole := shutil.which(words):
        return [whole]  # a path with spaces, which CXX may hold without quotes
    try:
        split = shlex.split(words)
    except ValueError:  # an open quotation
        return None
    path = shutil.which(split[0]) if split else None
    return [path, *split[1:]] if path else None


def _required_compiler() -> tuple[list[str], str | None]:
    """`compiler`, and a warning for the user if it is not the one that CXX names.

    Raises:
        BuildError: there is none.
    """
    found, asked = compiler(), _asked()
    wrong = f"CXX names {asked!r}, which is not there" if asked and not _command(asked) else None
    if found is None:
        raise BuildError(
            f"{f'{wrong}, and ' if wrong else ''}no C++ compiler ({', '.join(COMPILERS)}) was found, so the uRNN "
            "runs on its eager reference, some ten times slower; install one (Debian and Ubuntu: apt-get install "
            "g++)"
        )
    return found, f"{wrong}, so {found[0]} compiles the kernel; correct CXX or unset it" if wrong else None


def _compile(command: list[str], folder: Path) -> None:
    """Calls the compiler, which leaves its output and its temporary files in `folder`."""
    code, output = _call(command, TMPDIR=str(folder))
    if code or not Path(command[-1]).is_file():
        raise _CompilerError(Path(command[0]).name, _reason(code, output))


def _reason(code: int, output: str) -> str:
    """Why a compiler failed, in one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # The linker's own line comes before the driver's "collect2: error: ld returned 1 exit status"; the assembler
    # writes "Error:".
    errors = [line for line in lines if "error:" in line.lower() and not line.startswith("collect2")]
    first = next(iter(errors or lines), "it said nothing")
    return f"{first[:300]}; exit code {code}"


def _call(command: Sequence[str], **environment: str) -> tuple[int, str]:
    """A compiler's exit code and all its output, in English.

    Raises:
        BuildError: it cannot be started, or takes longer than `TIME_LIMIT`; then it is killed with its children.
    """
    environment = {**os.environ, "LC_ALL": "C", **environment}
    try:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise BuildError(
            f"{command[0]} cannot be run ({error.strerror}), so the uRNN runs on its eager reference; name a C++ "
            "compiler in CXX"
        ) from error
    with process:
        try:
            output = process.communicate(timeout=TIME_LIMIT)[0]
        except BaseException as error:  # an interrupt as well, which does not reach a session of its own
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise BuildError(
                    f"{shlex.join(command)} did not end within {TIME_LIMIT} seconds and was killed, so the uRNN "
                    "runs on its eager reference; name another C++ compiler in CXX"
                ) from None
            raise
    return process.returncode, output.decode(errors="replace")
