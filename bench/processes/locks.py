"""A lock that dies with its holder: whoever comes second learns which process holds it.

The kernel drops an flock when its holder ends, however it ends, so none is ever left behind; only the file is. It
is used only if it is a plain file that no link leads to: through a link, another file would be written over.
"""

import errno
import fcntl
import json
import os
import shlex
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 4096  # bytes of a note on who holds it

_inherited: set[int] = set()


def inherited() -> list[int]:
    """The descriptors that processes started now are to inherit; the lock is theirs too, until they have ended."""
    return sorted(_inherited)


class BusyError(Exception):
    """Another process holds the lock; the message says which, as far as it has said so itself."""


@contextmanager
def sole_holder(
    path: Path,
    what: str = "",
    *,
    of_this_user: bool = False,
    inherit: bool = False,
    waiting: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Holds the lock at `path`, a file that is made where it is missing, in a folder that exists.

    Args:
        what: what it is held for, to tell whoever comes second; "": this command.
        of_this_user: refuse a file of another user's, for a folder that anybody may write to.
        inherit: processes that `bench.processes.children` starts meanwhile hold it too, so that one that outlives
            this process keeps it.
        waiting: called with who holds it before it is waited for; without it, it is not waited for.

    Raises:
        BusyError: another process holds it, and it is not waited for.
        OSError: the file cannot be used; nothing in it has been read or written.
    """
    with os.fdopen(_opened(path), "r+b", buffering=0) as file:
        if reason := _suspicion(os.fstat(file.fileno()), of_this_user):
            raise OSError(errno.EINVAL, reason, str(path))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(file.read(LONGEST))
            if waiting is None:
                raise BusyError(holder) from None
            waiting(holder)
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
        file.truncate(0)
        note = {"pid": os.getpid(), "since": time.strftime("%H:%M"), "what": what or _this_command()}
        file.write(json.dumps(note).encode())
        if not inherit:
            yield
            return
        _inherited.add(file.fileno())
        try:
            yield
        finally:
            _inherited.remove(file.fileno())


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK  # opening a pipe would wait for its other end
    try:
        return os.open(path, flags, 0o666)
    except OSError as error:
        if path.is_symlink():  # the system speaks of too many levels of links
            raise OSError(errno.EINVAL, "it is a symbolic link", str(path)) from error
        raise


def _suspicion(found: os.stat_result, of_this_user: bool) -> str:
    """Why this is no lock that the suite has made; "" where it is one."""
    if not stat.S_ISREG(found.st_mode):
        return "it is no plain file"
    if of_this_user and found.st_uid != os.getuid():
        return f"it belongs to user {found.st_uid}"
    return "" if found.st_nlink == 1 else "it has another name too, by a hard link"


def _this_command() -> str:
    module = Path(sys.argv[0])
    name = f"python -m {module.parent.name}" if module.name == "__main__.py" else module.name
    return shlex.join([*name.split(), *sys.argv[1:]])[:200]


def _holder(note: bytes) -> str:
    try:
        found = json.loads(note)
        return f"process {found['pid']}, since {found['since']}: {found['what']}"
    except (ValueError, KeyError, TypeError, RecursionError):  # it was about to write it
        return "it has not said which"
