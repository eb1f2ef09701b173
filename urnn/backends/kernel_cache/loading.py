"""From a name and a function that builds it to a kernel in memory, whether the cache can be used or not."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from urnn.backends.kernel_cache.errors import BuildError, warn_once
from urnn.backends.kernel_cache.scratch import scratch, temporary_folders
from urnn.backends.kernel_cache.store import READABLE, Kernel, discard, fetch, store
from urnn.files import write_new

Loaded = TypeVar("Loaded")
LOGGER = logging.getLogger("urnn.kernels")  # silent unless a program asks for it


def content(name: str, build: Callable[[], bytes]) -> bytes:
    """A kernel's bytes, from the cache or from `build`, whose result is then stored."""
    kernel = _kernel(name, build)
    warn_once(kernel.complaint)
    return kernel.code


def loaded(name: str, build: Callable[[], bytes], load: Callable[[Path], Loaded]) -> tuple[Loaded, float | None]:
    """The result of `load` for a kernel's file, and the seconds that building it took, None if unknown.

    A file that `load` refuses with an OSError is removed from the cache. If the folder is to blame (a noexec
    mount), a copy in a temporary folder is loaded instead.

    Raises:
        BuildError: the kernel cannot be built, or `load` refuses it in every folder.
    """
    failure = None
    for anew in (False, True):
        kernel = _kernel(name, build, anew)
        try:
            value, complaint = _load(kernel, load)
        except OSError as error:
            failure = error
            discard(kernel)
            if kernel.fresh:
                break
        else:
            warn_once(complaint)
            return value, kernel.seconds
    raise BuildError(
        f"the compiled kernel cannot be loaded ({failure}), so the uRNN runs on its eager reference; name another "
        "C++ compiler in CXX"
    ) from failure


def _kernel(name: str, build: Callable[[], bytes], anew: bool = False) -> Kernel:
    kept = None if anew else fetch(name)
    if kept:
        return kept
    LOGGER.info("compiling a kernel for this machine, once; it can take two minutes")
    start = time.perf_counter()
    code = build()
    return store(name, code, time.perf_counter() - start)


def _load(kernel: Kernel, load: Callable[[Path], Loaded]) -> tuple[Loaded, str | None]:
    """The loaded kernel and what to warn of; raises OSError if it loads from no folder."""
    if kernel.path is None:
        return _load_copy(kernel, load), kernel.complaint
    try:
        return load(kernel.path), None
    except OSError as error:
        value = _load_copy(kernel, load)
        return value, (
            f"the compiled kernel cannot be loaded from {kernel.path.parent} ({error}; is it mounted noexec?), so "
            "every process loads a copy in a temporary folder; name a folder that allows it in URNN_CACHE"
        )


def _load_copy(kernel: Kernel, load: Callable[[Path], Loaded]) -> Loaded:
    """Loads it from the first temporary folder that allows it. A loaded library no longer needs its file."""
    failures = []
    for parent in temporary_folders():
        try:
            with scratch(parent) as folder:
                write_new(folder / kernel.name, kernel.code, READABLE)
                return load(folder / kernel.name)
        except OSError as error:
            failures.append(error)
    raise failures[0] if failures else OSError("there is no temporary folder that other users cannot change")
