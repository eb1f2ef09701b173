"""A lock that dies with its holder: whoever comes second learns which process holds it.

The kernel drops an flock when its holder ends, however it ends, so none is ever left behind; only the file is.
"""

import errno
import fcntl
import json
import os
import shlex
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BusyError(Exception):
    """Another process holds the lock; the message says which, as far as it has said so itself."""


@contextmanager
def sole_holder(path: Path) -> Iterator[None]:
    """Holds the lock at `path`, a file that is made where it is missing, in a folder that exists.

    Raises:
        BusyError: another process holds it.
        OSError: the file cannot be opened, or it is no plain file: a link is not followed.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:  # a link leads to another file
            raise OSError(errno.EINVAL, "it is no plain file of its own", str(path))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(_holder(file.read(4096))) from None
        file.truncate(0)
        told = {"pid": os.getpid(), "since": time.strftime("%H:%M"), "what": _this_command()}
        file.write(json.dumps(told).encode())
        yield


def _this_command() -> str:
    module = Path(sys.argv[0])
    name = f"python -m {module.parent.name}" if module.name == "__main__.py" else module.name
    return shlex.join([*name.split(), *sys.argv[1:]])[:200]


def _holder(text: bytes) -> str:
    try:
        told = json.loads(text)
        return f"process {told['pid']}, since {told['since']}: {told['what']}"
    except (ValueError, KeyError, TypeError):  # it was about to write it
        return "it has not said which"
