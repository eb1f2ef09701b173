"""The threads of the kernel: those of the OpenMP library that torch has loaded, so that two pools do not compete.

The kernel is handed the address of the library's function that starts a team, and needs no OpenMP of its compiler:
Apple's has none, and what another compiler's calls need is in its own library alone.
"""

import ctypes
import os
import re
import sys
from pathlib import Path

import torch

MAPS = Path("/proc/self/maps")  # the files that this process has mapped; Linux
LIBRARY = re.compile(r"lib(gomp|omp|iomp5)\b.*\.(so|dylib)\b.*")
FUNCTION = "GOMP_parallel"  # GCC's name; the libraries of LLVM and Intel have it too


def start_team() -> tuple[int | None, str | None]:
    """The address of `FUNCTION`, or None for one thread; and what to warn of then."""
    paths = loaded_libraries()
    for path in paths:
        try:
            return ctypes.cast(getattr(ctypes.CDLL(path), FUNCTION), ctypes.c_void_p).value, None
        except (OSError, AttributeError):
            continue
    threads = torch.get_num_threads()
    if threads == 1:
        return None, None
    missing = (
        f"{paths[0]} has no {FUNCTION}, by which the CPU kernel could share its threads"
        if paths
        else "torch has loaded no OpenMP library whose threads the CPU kernel could share"
    )
    return None, (
        f"{missing}, so it runs on one thread instead of {threads}; torch.set_num_threads(1) before its first use "
        "says that one is meant"
    )


def loaded_libraries() -> list[str]:
    """The paths of the OpenMP libraries in this process, torch's own first."""
    files = images(ctypes.CDLL(None)) if sys.platform == "darwin" else mapped()
    found = dict.fromkeys(path for path in files if LIBRARY.fullmatch(os.path.basename(path)))
    own = os.path.dirname(torch.__file__)
    return sorted((path for path in found if os.path.exists(path)), key=lambda path: not path.startswith(own))


def mapped() -> list[str]:
    """The files in `MAPS`; none where there is no such file."""
    try:
        maps = os.fsdecode(MAPS.read_bytes())
    except OSError:
        return []
    # Address, access, offset, device, inode; then the path to the end of the line, spaces and all.
    return re.findall(r"^(?:\S+ +){5}(/.*)$", maps, re.MULTILINE)


def images(dyld: ctypes.CDLL) -> list[str]:
    """The files that macOS's loader has loaded, by the functions of <mach-o/dyld.h>."""
    count, name = dyld._dyld_image_count, dyld._dyld_get_image_name
    count.restype, name.restype, name.argtypes = ctypes.c_uint32, ctypes.c_char_p, [ctypes.c_uint32]
    return [os.fsdecode(name(i) or b"") for i in range(count())]  # null: unloaded since it was counted
