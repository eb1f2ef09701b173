"""A run's files: whole at every moment, on the disk before a call returns, and never read from a pipe.

What stands in a file's place may be a folder, a FIFO, or a link that leads nowhere. Opening a FIFO would wait for
ever, so nothing but an ordinary file is read or appended to.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from urnn.training.errors import TrainingError

_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK


def read(path: Path) -> bytes | None:
    """The file's content, or None where there is none.

    Raises:
        TrainingError: something else stands in its place, or it cannot be read.
    """
    try:
        with _opened(path, os.O_RDONLY, "rb") as file:
            return file.read()
    except FileNotFoundError:
        if path.is_symlink():
            raise TrainingError(f"{path} is a link to a file that is not there; remove it") from None
        return None
    except (OSError, MemoryError) as error:
        raise TrainingError(f"cannot read {path} ({reason(error)}); remove it, or make it readable") from error


def append(path: Path, content: bytes) -> None:
    """Adds to the file's end.

    Raises:
        OSError: it cannot be written to.
        TrainingError: it is no ordinary file.
    """
    with _opened(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, "ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write(path: Path, content: bytes) -> None:
    """Puts a new file in the place of an old one, which stays until the new one is whole and on the disk.

    Raises:
        OSError: the old one is still there, and nothing of the new one.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.unlink(missing_ok=True)  # half a file of a killed process, or something that must not be written to
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], bool]]:
    """Holds the file, which is made, while this lasts; a process that dies lets go of it.

    Yields:
        () -> whether the path still leads to the file that is held: its folder may have been removed, and another
        process may hold a new one of that name.

    Raises:
        BlockingIOError: another process holds it.
        OSError: it cannot be made, or is a link.
        TrainingError: it is no ordinary file.
    """
    with _opened(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = os.fstat(file.fileno())

        def still_there() -> bool:
            try:
                return os.path.samestat(held, os.stat(path))
            except OSError:
                return False

        yield still_there


def remove(path: Path) -> None:
    """Raises TrainingError where it cannot be removed; what is not there need not be."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise TrainingError(
            f"cannot remove {path} ({reason(error)}); remove it, or name another folder with --runs"
        ) from error


def reason(error: BaseException) -> str:
    """What went wrong, in one line and without the path, which the caller's sentence has."""
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return told.splitlines()[0]


@contextmanager
def _opened(path: Path, flags: int, mode: str) -> Iterator[BinaryIO]:
    """Opened without waiting for whoever is at the other end of a FIFO."""
    try:
        descriptor = os.open(path, flags | _FLAGS, 0o666)
    except IsADirectoryError:
        raise _not_ordinary(path) from None
    try:
        ordinary = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if not ordinary:
            raise _not_ordinary(path)
        with os.fdopen(descriptor, mode, closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def _not_ordinary(path: Path) -> TrainingError:
    kind = "a folder" if path.is_dir() else "no ordinary file"
    return TrainingError(f"{path} is {kind}; remove it, or name another folder with --runs")


def _sync_folder(folder: Path) -> None:
    """The rename itself, too, is on the disk after this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
