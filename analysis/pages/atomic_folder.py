"""A report appears whole or not at all: it is written beside its place and then exchanged with what stood there.

A crash or a full disk leaves the previous report as it was. A report carries a list of its own files, and only a
folder that holds nothing else is replaced, so that a mistyped folder costs nobody a file. Where the system cannot
exchange two folders in one step, a kill between two renames leaves the old report under a hidden name beside it.
What a killed run left unfinished is removed by the first run a day later.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.documents import TEXT, ListOf, Record, load, one_of, reason
from analysis.errors import AnalysisError
from analysis.vocabulary import counted

MARK = "index.html"
MANIFEST = "manifest.json"
WRITER = "python -m analysis"
FORMAT = 1
LISTED = Record({"written_by": one_of(WRITER), "format": one_of(FORMAT), "files": ListOf(TEXT)})

# Reports of versions that wrote no list of their files are known by their page's first lines and by these names.
OLD_PAGE = re.compile(r'<p class="kicker">(Benchmark report|Experiments|Calibration|History)</p>')
OLD_HEAD = 2**16
OLD_FILE = re.compile(
    r"index\.html|report\.md|measurements\.(csv|parquet)|recording\.json|(runs|evaluations|anatomy)\.csv"
    r"|figures/([^/]+/)?(step_time_over_(hidden_size|length)|peak_memory_over_(hidden_size|length)|speed_up"
    r"|time_against_memory|efficiency|ladder_(urnn|lstm)|anatomy|learning_curves_over_(iterations|seconds)"
    r"|score_against_cost|score_over_seconds|time_to_solve|detection|levels)\.(svg|png)"
)

PARTIAL, PREVIOUS = ".partial", ".previous"
ABANDONED = 24 * 3600  # seconds: nobody has drawn into an unfinished folder as old as that
AT_FDCWD, RENAME_EXCHANGE = -100, 2


@contextmanager
def replacing_folder(target: Path | str) -> Iterator[Path]:
    """Yield an empty folder beside the target; on success it takes its place, on failure nothing changes.

    Raises AnalysisError, before anything is drawn, for a target that is a file, the current folder, the home
    folder or one above them, or that holds a file which no report wrote; and where it cannot be written.
    """
    target = _checked(Path(target))
    staging: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        staging = Path(tempfile.mkdtemp(prefix=_prefix(target), suffix=PARTIAL, dir=target.parent))
        yield staging
        listed = {"written_by": WRITER, "format": FORMAT, "files": sorted(_files(staging))}
        (staging / MANIFEST).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
        staging.chmod(0o755)
        _sync(staging)
        _require_replaceable(target)
        _put_in_place(staging, target)
    except OSError as error:
        kept = " The previous report is unchanged." if os.path.lexists(target) else ""
        raise AnalysisError(f"{target}: the report cannot be written ({reason(error)}).{kept}") from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def _checked(given: Path) -> Path:
    """The path of a target that may be replaced, links followed."""
    try:
        target, home = (Path(os.path.realpath(path)) for path in (given, os.path.expanduser("~")))
        if target.is_symlink():
            raise AnalysisError(f"{given}: expected a folder for the report, got a symbolic link to itself.")
        for place, words in ((Path.cwd(), "the current folder"), (home, "your home folder")):
            if target == place or target in place.parents:
                raise AnalysisError(
                    f"{given}: expected a folder for the report alone, got {words} or one above it; "
                    "name a new folder in it."
                )
        _require_replaceable(target)
    except (OSError, ValueError) as error:
        raise AnalysisError(f"{given}: the report cannot be written ({reason(error)}).") from error
    return target


def _require_replaceable(target: Path) -> None:
    """Raises AnalysisError where the target holds anything but a report."""
    if not target.exists():
        return
    if not target.is_dir():
        raise AnalysisError(f"{target}: expected a folder for the report, got a file.")
    found = _files(target)
    own = _own_files(target, found)
    if own is None and found:
        raise AnalysisError(f"{target}: is not empty and holds no report; give an empty or a new folder.")
    foreign = sorted(found - (own or set()))
    if foreign:
        others = f" and {counted(len(foreign) - 1, 'other')}" if len(foreign) > 1 else ""
        raise AnalysisError(
            f"{target}: holds what no report wrote ({foreign[0]}{others}); move that elsewhere or give another "
            "folder."
        )


def _files(folder: Path) -> set[str]:
    """Everything below a folder by its path in it: files, links, and folders that hold nothing."""
    ends = (  # iterdir raises for a folder that may not be read, which rglob passes over
        path.relative_to(folder).as_posix()
        for path in (folder, *folder.rglob("*"))
        if path.is_symlink() or not path.is_dir() or not any(path.iterdir())
    )
    return set(ends) - {"."}


def _own_files(folder: Path, found: set[str]) -> set[str] | None:
    """What the report in a folder wrote: its list or, without one, the older names. None for no report."""
    if MANIFEST not in found:
        return {name for name in found if OLD_FILE.fullmatch(name)} if _is_old_page(folder / MARK) else None
    try:
        return {MANIFEST, *load(folder / MANIFEST, LISTED)["files"]}
    except AnalysisError:
        return None


def _is_old_page(page: Path) -> bool:
    if page.is_symlink() or not page.is_file():
        return False
    with page.open("rb") as file:
        head = file.read(OLD_HEAD).decode("utf-8", errors="replace")
    return head.startswith("<!DOCTYPE html>") and OLD_PAGE.search(head) is not None


def _sync(folder: Path) -> None:
    """Puts every file on the disk, so that after a power cut the new name does not hold empty ones."""
    for path in [folder / name for name in _files(folder)]:
        handle = os.open(path, os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _put_in_place(staging: Path, target: Path) -> None:
    """The new folder in the target's place; what stood there is then at `staging`, or gone."""
    if not target.exists():
        staging.rename(target)
    elif not _exchanged(staging, target):
        aside = staging.with_suffix(PREVIOUS)
        target.rename(aside)
        try:
            staging.rename(target)
        except OSError:
            aside.rename(target)
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the system could exchange two folders in one step, so that at no moment either is missing."""
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name == "posix" else None
    if exchange is None:
        return False
    return exchange(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0


def _prefix(target: Path) -> str:
    return f".{target.name[:100]}-"


def _remove_abandoned(target: Path) -> None:
    """Removes the unfinished folders of runs that were killed."""
    for path in target.parent.iterdir():
        ours = path.name.startswith(_prefix(target)) and path.name.endswith(PARTIAL) and path.exists()
        if ours and time.time() - path.lstat().st_mtime > ABANDONED:
            shutil.rmtree(path, ignore_errors=True)


def write_file(target: Path | str, text: str) -> None:
    """Write one text file under a temporary name and rename it into place; a link stays and leads to the new text.

    Raises AnalysisError for a place that cannot be written or that is a folder, a device or a pipe.
    """
    try:
        place = Path(os.path.realpath(target))
        if place.exists() and not place.is_file():
            kind = "a folder" if place.is_dir() else "a device or a pipe"
            raise AnalysisError(f"{target}: expected the name of a file to write, got {kind}.")
        handle, temporary = tempfile.mkstemp(prefix=_prefix(place), dir=place.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, place)
        except BaseException:
            os.unlink(temporary)
            raise
    except (OSError, ValueError) as error:
        raise AnalysisError(f"{target}: cannot be written ({reason(error)}).") from error
