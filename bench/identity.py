"""What a result belongs to: the code, machine and versions that made it, in few letters.

Results with the same identity may share a file. Another commit has the same identity where it changed nothing that
these cells depend on, see `bench.measured_code`. Known weakness: only this repository's own code and the versions
of torch and Python are looked at.
"""

import hashlib
import platform
from collections.abc import Collection
from pathlib import Path

import torch

from bench import measured_code
from bench.grid import Cell


def source_digest(root: Path, cells: Collection[Cell]) -> str:
    """Eight hex digits of the code under `root` that these cells depend on, and of what it runs on."""
    digest = hashlib.sha256()
    for text in (platform.node(), platform.python_version(), torch.__version__):
        digest.update(text.encode())
    unused = measured_code.unused({cell.device for cell in cells}, {cell.model for cell in cells})
    for folder in measured_code.FOLDERS:
        for path in sorted((root / folder).rglob("*.*")):
            name = path.relative_to(root).as_posix()
            is_code = path.suffix in measured_code.SUFFIXES and not name.startswith(unused)
            if is_code and path.is_file():  # an editor's locks are dangling links
                digest.update(name.encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:8]
