"""A key of what a kernel was made of: its source, every file that this includes, the compiler and its settings."""

import hashlib
import os
import re
from pathlib import Path

from urnn.backends.kernel_cache.errors import BuildError


def key(source: Path, *settings: object) -> str:
    """Sixteen hexadecimal digits that change with the settings, the source and every file that it includes.

    Raises:
        BuildError: the source cannot be read.
    """
    digest = hashlib.sha256(repr(settings).encode())
    for path in sources(source):
        digest.update(repr((path.name, _source(path))).encode())
    return digest.hexdigest()[:16]


def sources(first: Path) -> list[Path]:
    """A file and all files that it includes from its own folder, directly or through others."""
    found, ahead = [], [first]
    while ahead:
        path = ahead.pop()
        if path in found:
            continue
        found.append(path)
        names = re.findall(rb'^\s*#\s*include\s*["<]([^">]+)[">]', _source(path), re.MULTILINE)
        included = [path.parent / os.fsdecode(name) for name in names]
        ahead += [path for path in included if path.is_file()]  # the others come with the compiler
    return found


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BuildError(
            f"the kernel's source {path} cannot be read ({error.strerror}), so the uRNN runs on its eager "
            "reference; install urnn again"
        ) from error
