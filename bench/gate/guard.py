"""Runs a command, and ends it and all that it has started once the process that asked for it is gone.

usage: guard.py DESCRIPTOR COMMAND...

The descriptor is a pipe's end to read from, whose other end the owner holds: however the owner ends, kill -9
included, the system closes that end. Processes that the command left behind become this one's children (Linux), so
that one in a session of its own is found too. Started by path, without the package: nothing heavy is imported.

Known weakness: elsewhere than on Linux the command alone is ended.
"""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

BECOME_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux's prctl
GRACE_SECONDS = 3.0  # after SIGINT, for a suite to end its own processes and remove its temporary files
ALWAYS = 50  # times to look for processes that were started while others were ended


def main() -> None:
    """Ends as the command does, by the same exit code or signal."""
    owner, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(BECOME_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # or a background job's children would ignore it
    try:
        process = subprocess.Popen(command)
    except OSError as error:
        sys.exit(f"cannot start {command[0]}: {error.strerror}")
    threading.Thread(target=_end_after, args=(owner, process), daemon=True).start()
    code = process.wait()
    _end_descendants()
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the command has left one, if any
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _end_after(owner: int, process: subprocess.Popen) -> None:
    """Waits for the owner's end of the pipe to be closed."""
    os.read(owner, 1)
    with contextlib.suppress(OSError):
        process.send_signal(signal.SIGINT)
    end = time.monotonic() + GRACE_SECONDS
    while process.returncode is None and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()


def _end_descendants() -> None:
    """Kills what is left; each round finds those that the last one's deaths have made children of this process."""
    for _ in range(ALWAYS):
        left = _descendants(os.getpid())
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not left:
            return
        time.sleep(0.01)


def _descendants(ancestor: int) -> list[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] not in "ZX":
                parents[int(path.parent.name)] = int(fields[1])
    found, open_ = [], [ancestor]
    while open_:
        parent = open_.pop()
        children = [pid for pid, above in parents.items() if above == parent]
        found += children
        open_ += children
    return found


if __name__ == "__main__":
    main()
