"""Which files to read: every JSON below a folder except the harnesses' own bookkeeping.

Known weakness: a bookkeeping file is known by its name alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.vocabulary import MODELS_FILE

BOOKKEEPING = {"machine.json", "benchmarks.json", MODELS_FILE, "manifest.json"}

# asv keeps environments and its web page beside its results; neither holds a measurement of its own.
SKIPPED_FOLDERS = {"env", "html"}


@dataclass(frozen=True)
class Found:
    """A file to read, and whether the user named it outright."""

    path: Path
    explicit: bool


def find(paths: Iterable[Path]) -> list[Found]:
    """Folders and files -> the files to read, each once, in a fixed order."""
    found: dict[str, Found] = {}
    for path in paths:
        if not _exists(path):
            raise AnalysisError(f"{path}: no such file or folder; expected results of asv or pytest-benchmark.")
        if path.is_dir():
            for file in sorted(path.rglob("*.json")):
                skipped = SKIPPED_FOLDERS & set(file.relative_to(path).parts[:-1])
                if file.name not in BOOKKEEPING and not skipped and not os.path.isdir(file):
                    found.setdefault(os.path.realpath(file), Found(file, explicit=False))
        else:
            found[os.path.realpath(path)] = Found(path, explicit=True)
    return list(found.values())


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise AnalysisError(f"{path}: cannot be read ({error.strerror}).") from error
