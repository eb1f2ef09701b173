"""Temporary folders for one build, removed afterwards even if the process was killed: then by the next build."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from urnn.backends.kernel_cache import trust
from urnn.backends.kernel_cache.errors import BuildError

SCRATCH = "urnn-build-"  # prefix of these folders' names
LOCK = "lock"  # the file in such a folder that its process keeps locked
TEMPORARY = ("/var/tmp", "/dev/shm")  # tried if TMPDIR cannot be used


@contextlib.contextmanager
def private() -> Iterator[Path]:
    """A temporary folder that other users cannot change, for one build.

    Raises:
        BuildError: there is no such folder.
    """
    with contextlib.ExitStack() as stack:
        for parent in temporary_folders():
            with contextlib.suppress(OSError):
                folder = stack.enter_context(scratch(parent))
                break
        else:
            raise BuildError(
                "no temporary folder can be written that other users cannot change, so the uRNN runs on its eager "
                "reference; name one in TMPDIR"
            )
        yield folder


def temporary_folders() -> list[Path]:
    """The temporary folders in which other users cannot change a new folder of this process."""
    named = []
    with contextlib.suppress(FileNotFoundError):  # raised where no folder at all can be written
        named.append(tempfile.gettempdir())
    there = [Path(name).absolute() for name in (*named, *TEMPORARY) if os.path.isdir(name)]
    trusted = [os.path.realpath(folder) for folder in there if trust.fault(folder, in_sticky=True) is None]
    return [Path(folder) for folder in dict.fromkeys(trusted)]


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, removed at the end. Removes what killed processes have left there, too."""
    _sweep(parent)
    folder, lock = _claimed(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _claimed(parent: Path) -> tuple[Path, int | None]:
    """A new folder, and the lock by which other processes know that this one is alive."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent))
        try:
            return folder, _lock(folder)
        except (BlockingIOError, FileNotFoundError):
            continue  # swept by another process before it was locked
        except OSError:
            return folder, None  # a file system without locks: nothing is swept there either


def _sweep(parent: Path) -> None:
    """Removes the folders of this user's processes that have ended."""
    for folder in parent.glob(f"{SCRATCH}*"):
        try:
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            lock = _lock(folder)
        except OSError:
            continue  # its process is alive, or another process has swept it
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _lock(folder: Path) -> int:
    """Holds a folder's lock until the descriptor returned is closed.

    Raises:
        BlockingIOError: another process holds it.
        FileNotFoundError: another process has removed the folder.
        OSError: the file system has no locks.
    """
    import fcntl

    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (folder / LOCK).lstat()
    except BaseException:
        os.close(lock)
        raise
    return lock
