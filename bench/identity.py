"""What a result belongs to: the code that made it, and the machine, in few letters.

Results with the same identity may share a file. Another commit has the same identity where it changed nothing that
these cells depend on, see `bench.measured_code`; the code's own is the same on every machine. Known weakness: only
this repository's code and, as part of the machine, the versions of torch and Python are looked at.
"""

import hashlib
from collections.abc import Collection
from pathlib import Path

from bench import measured_code
from bench.grid import Cell
from bench.machine.kind import this_machine


def source_digest(root: Path, cells: Collection[Cell]) -> str:
    """Eight hex digits of the code under `root` that these cells depend on, wherever it lies."""
    digest = hashlib.sha256()
    unused = measured_code.unused({cell.device for cell in cells}, {cell.model for cell in cells})
    for folder in measured_code.FOLDERS:
        for path in sorted((root / folder).rglob("*.*")):
            name = path.relative_to(root).as_posix()
            is_code = path.suffix in measured_code.SUFFIXES and not name.startswith(unused)
            if is_code and path.is_file():  # an editor's locks are dangling links
                digest.update(name.encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def results_digest(root: Path, cells: Collection[Cell], machine: str = "") -> str:
    """The same of that code and a machine: this host, or another word of `bench.machine.kind.Machine`."""
    where = machine or this_machine().host
    return hashlib.sha256(f"{source_digest(root, cells)} {where}".encode()).hexdigest()[:8]
