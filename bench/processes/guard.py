"""Runs a command, and ends it and all that it has started once the process that asked for it is gone.

usage: guard.py OWNER GRACE PASSED KEPT COMMAND...

OWNER is a pipe's end to read from, whose other end the owner holds: however the owner ends, kill -9 included, the
system closes that end. GRACE: seconds between SIGINT and SIGKILL, 0 to kill at once. PASSED: descriptors for the
command, with commas. KEPT: descriptors for the command that this process keeps too. Processes that the command
left behind become this one's children (Linux), so that one in a session of its own is found too. Started by path,
without the package: nothing heavy is imported.

Known weakness: elsewhere than on Linux the command's process group alone is ended. Where the guard itself is
killed, its command is killed with it, but what that one has started in sessions of their own goes on.
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
from collections.abc import Callable
from pathlib import Path

SIGNAL_WITH_PARENT, BECOME_SUBREAPER = 1, 36  # PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER of Linux's prctl
ALWAYS = 50  # times to look for processes that were started while others were ended


def main() -> None:
    """Ends as the command does, by the same exit code or signal."""
    owner, grace, passed, kept, *command = sys.argv[1:]
    descriptors, locks = ([int(number) for number in text.split(",") if number] for text in (passed, kept))
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: None
    prctl(BECOME_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # or a background job's children would ignore it
    try:
        process = subprocess.Popen(
            command,
            pass_fds=descriptors + locks,
            process_group=0,
            preexec_fn=lambda: prctl(SIGNAL_WITH_PARENT, signal.SIGKILL, 0, 0, 0),
        )
    except OSError as error:
        sys.exit(f"cannot start {command[0]}: {error.strerror}")
    for descriptor in descriptors:  # the command's end of a channel is its own
        os.close(descriptor)
    threading.Thread(target=_end_after, args=(int(owner), float(grace), process), daemon=True).start()
    code = process.wait()
    _end_descendants(process.pid)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the command has left one, if any
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _end_after(owner: int, grace: float, process: subprocess.Popen) -> None:
    """Waits for the owner's end of the pipe to be closed."""
    os.read(owner, 1)
    if grace:
        with contextlib.suppress(OSError):
            process.send_signal(signal.SIGINT)
    end = time.monotonic() + grace
    while process.returncode is None and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()


def _end_descendants(group: int) -> None:
    """Kills what is left; each round finds those that the last one's deaths have made children of this process."""

    def left() -> list[int]:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        return descendants(os.getpid())

    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    _kill(left)


def end_session(leader: int) -> None:
    """Kills every process of the session that `leader` has begun."""
    _kill(lambda: [pid for pid, (_, session) in _alive().items() if session == leader])


def _kill(left: Callable[[], list[int]]) -> None:
    """Kills what `left` finds until it finds nothing."""
    for _ in range(ALWAYS):
        found = left()
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.01)


def descendants(ancestor: int) -> list[int]:
    """Its children, theirs and so on, those that are alive."""
    parents = {pid: parent for pid, (parent, _) in _alive().items()}
    found, open_ = [], [ancestor]
    while open_:
        parent = open_.pop()
        children = [pid for pid, above in parents.items() if above == parent]
        found += children
        open_ += children
    return found


def _alive() -> dict[int, tuple[int, int]]:
    """Every process that has not ended -> its parent and its session; none where there is no /proc."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # "number (name) state parent group session ...", and a name may hold anything
            state, parent, _, session = path.read_text(errors="replace").rpartition(")")[2].split()[:4]
            if state not in "ZX":
                found[int(path.parent.name)] = int(parent), int(session)
    return found


if __name__ == "__main__":
    main()
