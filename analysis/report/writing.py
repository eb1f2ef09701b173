"""A report appears whole or not at all: it is written beside its place and then renamed into it.

Why: a crash or a full disk must leave the previous report as it was. Known weakness: a folder cannot be
replaced in one step on every system; between the two renames the old report stands under a temporary name,
and is put back if the second rename fails.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.errors import AnalysisError

MARK = "index.html"


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside the target; on success it takes the target's place, on failure nothing
    changes.

    Refuses to replace a folder that holds anything but a report. OSError becomes AnalysisError.
    """
    target = target.resolve()
    _check_replaceable(target)
    staging: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".partial", dir=target.parent))
        yield staging
        staging.chmod(0o755)
        _swap(staging, target)
    except OSError as error:
        kept = " The previous report is unchanged." if target.exists() else ""
        raise AnalysisError(
            f"{target}: the report cannot be written ({error.strerror or error}).{kept}"
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def _check_replaceable(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise AnalysisError(f"{target}: expected a folder for the report, got a file.")
    if target.is_dir() and not (target / MARK).exists() and any(target.iterdir()):
        raise AnalysisError(f"{target}: is not empty and holds no report; give an empty or a new folder.")


def _swap(staging: Path, target: Path) -> None:
    if not target.exists():
        staging.rename(target)
        return
    aside = staging.with_suffix(".previous")
    target.rename(aside)
    try:
        staging.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def write_file(target: Path, text: str) -> None:
    """Write one text file under a temporary name and rename it into place."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise AnalysisError(f"{target}: cannot be written ({error.strerror or error}).") from error
