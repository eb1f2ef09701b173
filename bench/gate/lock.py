"""One gate at a time on a machine: two would measure each other.

The lock is the operating system's on one file, so that a gate that is killed leaves none behind. Others may write
to the folder of that file. So it is used only if it is a plain file of this user's that no link leads to: through
a link the gate would write over another file.

Known weakness: it holds among processes that share a folder for temporary files; containers on one machine do not
see each other.
"""

import contextlib
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from bench.errors import SweepError
from bench.scratch import place, remove_leftovers

LONGEST = 4096  # bytes of a note on who holds it


def lock_path() -> Path:
    """The file that is locked; all users of the machine share it.

    Raises:
        SweepError: no folder for temporary files can be written to.
    """
    return place() / "urnn-gate.lock"


@contextlib.contextmanager
def sole_run(what: str) -> Iterator[None]:
    """Holds the machine for a run that is described as `what`, once the leftovers of killed runs are removed.

    Raises:
        SweepError: another run holds it, and which; or the lock's file cannot be used.
    """
    path = lock_path()
    with _opened(path) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            holder = {"pid": os.getpid(), "since": time.strftime("%H:%M"), "what": what}
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        except BlockingIOError:
            raise SweepError(_refusal(os.read(descriptor, LONGEST))) from None
        except OSError as error:
            raise _unusable(path, error.strerror or str(error)) from error
        remove_leftovers()
        yield


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A descriptor of the lock's file, which is made if it is missing; nothing of it is read or written yet."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK  # opening a pipe would wait for its other end
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        reason = "it is a symbolic link" if path.is_symlink() else error.strerror or str(error)
        raise _unusable(path, reason) from error
    try:
        if reason := _suspicion(os.fstat(descriptor)):
            raise _unusable(path, reason)
        yield descriptor
    finally:
        os.close(descriptor)


def _suspicion(found: os.stat_result) -> str:
    """Why this is no lock that this user has made; "" where it is one."""
    if not stat.S_ISREG(found.st_mode):
        return "it is no plain file"
    if found.st_uid != os.getuid():
        return f"it belongs to user {found.st_uid}"
    return "" if found.st_nlink == 1 else "it has another name too, by a hard link"


def _unusable(path: Path, reason: str) -> SweepError:
    return SweepError(
        f"cannot use the lock {path}: {reason}; if it is another user's, only one of you can measure at a time. "
        "Have it removed, or name a temporary folder of your own in TMPDIR."
    )


def _refusal(note: bytes) -> str:
    try:
        holder = json.loads(note)
        told = f"process {holder['pid']}, since {holder['since']}: {holder['what']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        told = "it has not said which"
    return (
        f"another gate is measuring on this machine ({told}); two at once would measure each other. "
        "Wait until it has ended, or end it."
    )
