"""One gate at a time on a machine: two would measure each other.

The kernel drops the lock when its holder ends, however it ends, so none is ever left behind. Known weakness: it
holds among processes that share a folder for temporary files; containers on one machine do not see each other.
"""

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.worker import SweepError


def lock_path() -> Path:
    """The file that is locked; all users of the machine share it."""
    return Path(tempfile.gettempdir()) / "urnn-gate.lock"


@contextlib.contextmanager
def sole_run(what: str) -> Iterator[None]:
    """Holds the machine for a run that is described as `what`.

    Raises:
        SweepError: another run holds it, and which; or the lock's file cannot be opened.
    """
    path = lock_path()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise SweepError(f"cannot open the lock {path} ({error.strerror}); is it another user's?") from error
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SweepError(_refusal(file.read())) from None
        file.truncate(0)
        file.seek(0)
        json.dump({"pid": os.getpid(), "since": time.strftime("%H:%M"), "what": what}, file)
        file.flush()
        yield


def _refusal(text: str) -> str:
    try:
        holder = json.loads(text)
        told = f"process {holder['pid']}, since {holder['since']}: {holder['what']}"
    except (ValueError, KeyError, TypeError):
        told = "it has not said which"
    return (
        f"another gate is measuring on this machine ({told}); two at once would measure each other. "
        "Wait until it has ended, or end it."
    )
