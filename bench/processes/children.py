"""Processes that end when this one does, by Ctrl-C, SIGTERM, SIGHUP and kill -9 too, with all that they started.

Each has a guard, a small process of its own between the two. It is no thread of the owner, because that one may be
in the middle of a long computation, and because nothing of the owner runs after kill -9.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.processes import locks, scratch
from bench.processes.guard import end_session

GUARD = Path(__file__).with_name("guard.py")
GRACE_SECONDS = 3.0  # after SIGINT, for a suite or a build to remove what it has made; pip needs most of it


@contextlib.contextmanager
def child(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    grace: float = GRACE_SECONDS,
    pass_fds: Sequence[int] = (),
    **streams: object,
) -> Iterator[subprocess.Popen]:
    """`command` in a session of its own, which Ctrl-C does not reach; it is ended at the end of the block.

    The process that is handed over is the guard; it ends as the command does. The guard holds the scratch folders
    that this process has now; both it and the command hold the locks that are inherited.

    Args:
        grace: seconds between SIGINT and SIGKILL; 0 kills at once.
    """
    theirs, ours = os.pipe()
    try:
        passed, kept = (",".join(map(str, numbers)) for numbers in (pass_fds, locks.inherited()))
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(theirs), str(grace), passed, kept, *command],
            cwd=cwd,
            env=env,
            pass_fds=[theirs, *pass_fds, *locks.inherited(), *scratch.locks()],
            start_new_session=True,
            text=True,
            errors="replace",
            **streams,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    with process:
        try:
            yield process
        finally:
            os.close(ours)
            process.send_signal(signal.SIGCONT)  # one that somebody has stopped would not notice
            process.wait()
            if process.returncode < 0:  # it may have been the guard that was killed
                end_session(process.pid)


def run(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    said: str = "",
    *,
    grace: float = GRACE_SECONDS,
    **streams: object,
) -> subprocess.CompletedProcess:
    """Waits for `command`, which reads `said`; what it wrote is kept, but where `streams` leads it elsewhere."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with child(command, cwd, env, grace=grace, **{**pipes, **streams}) as process:
        output, errors = process.communicate(said)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def last_words(done: subprocess.CompletedProcess) -> str:
    """The last line on standard error, or the exit code where there is none."""
    return last_line(done.stderr, otherwise=f"exit code {done.returncode}")


def last_line(text: str, otherwise: str) -> str:
    """The last one that says anything."""
    return (text.strip().splitlines() or [otherwise])[-1]
