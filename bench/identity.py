"""What a result belongs to: the code, machine and versions that made it, in few letters.

Two runs with the same identity may share a results file; a changed line of the measured or measuring code makes
another. Known weakness: only this repository's own code and the versions of torch and Python are looked at.
"""

import hashlib
import platform
from pathlib import Path

import torch

from bench import git

MEASURED_FOLDERS = ("urnn", "bench")


def source_digest(root: Path) -> str:
    """Eight hex digits of the code under `root` that measures or is measured, and of what it runs on."""
    digest = hashlib.sha256()
    for text in (platform.node(), platform.python_version(), torch.__version__):
        digest.update(text.encode())
    for folder in MEASURED_FOLDERS:
        for path in sorted((root / folder).rglob("*.*")):
            if (
                path.suffix in (".py", ".cpp", ".cu", ".h") and path.is_file()
            ):  # an editor's locks are dangling links
                digest.update(path.relative_to(root).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def commit(root: Path) -> str:
    """The first eight digits of the commit checked out at `root`, or "unversioned"."""
    try:
        digits = git.digits_of("HEAD", root)
    except git.GitError:
        digits = None
    return digits[:8] if digits else "unversioned"
