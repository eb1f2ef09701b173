"""Folders of a run that do not outlive it: a run that is killed leaves one behind, and the next one removes it.

A folder is held by a lock on itself for as long as its run lives; the system takes the lock back however the run
ends. So what can be locked has no owner any more.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.errors import SweepError

KINDS = ("gate", "history", "calibration")


@contextlib.contextmanager
def scratch_folder(kind: str) -> Iterator[Path]:
    """A temporary folder for one of KINDS.

    Raises:
        SweepError: there is no room for one.
    """
    with contextlib.ExitStack() as stack:
        try:
            path = Path(tempfile.mkdtemp(prefix=f"urnn-{kind}-"))
            stack.callback(shutil.rmtree, path, ignore_errors=True)  # the next run removes what could not be
            stack.enter_context(held(path))
        except OSError as error:
            raise SweepError(
                f"cannot make a temporary folder in {tempfile.gettempdir()}: {error.strerror}"
            ) from error
        yield path


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Marks a folder as a living process's.

    Raises:
        OSError: it is one already, or no folder of this user's, or its file system has no locks.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to another user")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def remove_leftovers() -> None:
    """Removes the temporary folders of runs that were killed; to be called by the one run that is going on."""
    remove_dead(path for kind in KINDS for path in Path(tempfile.gettempdir()).glob(f"urnn-{kind}-*"))


def remove_dead(folders: Iterable[Path]) -> None:
    """Removes those of the folders that no living process holds; what is no folder of this user's stays."""
    for path in folders:
        with contextlib.suppress(OSError), held(path):
            shutil.rmtree(path, ignore_errors=True)
