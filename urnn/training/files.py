"""A run's files: read, appended to, held and removed, with errors that name them and say what to do.

There may be a folder, a FIFO, or a link that leads nowhere in a file's place. Opening a FIFO would block forever,
so only an ordinary file is read or appended to. `urnn.files` writes whole files.
"""

import json
import os
import shlex
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import filelock

from urnn.training.errors import TrainingError

# Those that the system has: Windows needs one for bytes as they are and lacks the others.
_FLAGS = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NONBLOCK", "O_BINARY", "O_NOINHERIT"))
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
_NOTE_BYTES, _SHOWN = 4096, 200  # of a note on who holds a file, and of its command


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


class HeldError(Exception):
    """Another process holds the file; the message says which: "process 12, since 2026-01-31 14:02: command"."""


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], bool]]:
    """Holds the file, which is made, while this lasts; a process that dies lets go of it.

    The file says who holds it. Its first byte says nothing: Windows lets no other process read what is locked.

    Yields:
        () -> whether the path still leads to the file that is held: its folder may have been removed, and another
        process may hold a new one of that name.

    Raises:
        HeldError: another process holds it.
        OSError: it cannot be made, or is a link.
        TrainingError: it is no ordinary file.
    """
    with _opened(path, os.O_RDWR | os.O_CREAT | _NO_LINKS, "r+b") as file:
        if not filelock.lock_descriptor(file.fileno(), blocking=False):
            file.seek(1)
            raise HeldError(_holder(file.read(_NOTE_BYTES)))
        file.truncate(0)
        file.write(b"\n" + json.dumps(_this_process()).encode())
        file.flush()
        held = os.fstat(file.fileno())

        def still_there() -> bool:
            try:
                return os.path.samestat(held, os.stat(path))
            except OSError:
                return False

        yield still_there


def _this_process() -> dict[str, object]:
    spec = getattr(sys.modules["__main__"], "__spec__", None)  # None of a script, and of an installed command
    called = ["python", "-m", spec.name.removesuffix(".__main__")] if spec else [Path(sys.argv[0]).name]
    command = shlex.join([*called, *sys.argv[1:]])
    return {"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M"), "command": command[:_SHOWN]}


def _holder(note: bytes) -> str:
    try:
        said = json.loads(note)
        return f"process {said['pid']}, since {said['since']}: {said['command']}"
    except (ValueError, KeyError, TypeError, RecursionError):  # it is about to write it
        return "a process that has not said which it is"


def remove(path: Path) -> None:
    """Raises TrainingError where it cannot be removed; what is not there need not be."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise TrainingError(
            f"cannot remove {path} ({reason(error)}); remove it, or name another folder with --runs"
        ) from error


def reason(error: BaseException) -> str:
    """The cause in one line, without the path, which the caller's sentence has."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return words.splitlines()[0]


@contextmanager
def _opened(path: Path, flags: int, mode: str) -> Iterator[IO[bytes]]:
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
