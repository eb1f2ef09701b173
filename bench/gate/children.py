"""Processes that end when this one does, after Ctrl-C, SIGTERM and kill -9 too, with all that they started.

Measuring processes see to that themselves (`bench.worker`); these are the others: builds, probes, counts, and the
suites of earlier commits, which do not.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")


@contextlib.contextmanager
def child(command: Sequence[str], cwd: Path, env: Mapping[str, str], **streams: int) -> Iterator[subprocess.Popen]:
    """`command` in a session of its own; at the end of the block it is ended if it still runs.

    The process that is handed over is a guard; it ends as the command does.
    """
    theirs, ours = os.pipe()
    try:
        guarded = [sys.executable, "-I", "-S", str(GUARD), str(theirs), *command]
        process = subprocess.Popen(
            guarded,
            cwd=cwd,
            env=env,
            pass_fds=[theirs],
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
            process.wait()


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str], said: str = "") -> subprocess.CompletedProcess:
    """Waits for `command`, which reads `said`; what it wrote on both streams is kept."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with child(command, cwd, env, **streams) as process:
        output, errors = process.communicate(said)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def last_words(done: subprocess.CompletedProcess) -> str:
    """The last line on standard error, or the exit code where there is none."""
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
