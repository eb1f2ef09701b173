"""The conductor of a sweep: cells to a measuring process, its results to the file, nothing lost on the way.

The measuring process is pytest with pytest-benchmark. It reports each cell as it ends and waits until the result
is stored, so no clock runs while the disk is written. If it dies (killed for memory, say), the cell it was at is
recorded as that, and a new process goes on with the next.
"""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.environment import measured_environment
from bench.grid import Cell, Profile
from bench.prepare import describe
from bench.store import RunFile

ROOT = Path(__file__).parents[1]
KILLED = "killed"


class SweepError(Exception):
    """Measuring could not be started or went on in no useful way; the message is for the user."""


@dataclass(frozen=True)
class Settings:
    """How a sweep's processes run: a profile's rounds, threads, a key of `bench.environment.ALLOCATORS`."""

    profile: Profile
    threads: int
    allocator: str


@dataclass(frozen=True)
class Job:
    """One cell in one pass."""

    cell: Cell
    sweep_pass: int


def plan(cells: Sequence[Cell], passes: int) -> list[Job]:
    """Every cell once a pass, every second pass backwards, so that drift does not favour whoever comes first."""
    return [
        Job(cell, number) for number in range(1, passes + 1) for cell in (cells if number % 2 else reversed(cells))
    ]


def run(
    jobs: Sequence[Job],
    settings: Settings,
    run_file: RunFile,
    started: Callable[[Job], None],
    finished: Callable[[Job, str], None],
) -> None:
    """Measures the jobs that `run_file` does not hold yet, and stores each as it ends.

    `started` and `finished` are told of each job, the latter with its outcome ("measured", "killed", ...).

    Raises:
        SweepError: the measuring process does not start.
        ResultsError: a result cannot be stored.
        KeyboardInterrupt: after the measuring process has been ended.
    """
    measured = run_file.measured()
    pending = [job for job in jobs if (job.cell.id, job.sweep_pass) not in measured]
    for sweep_pass in sorted({job.sweep_pass for job in pending}):
        queue = [job for job in pending if job.sweep_pass == sweep_pass]
        while queue:
            queue = _measure(queue, settings, run_file, started, finished)


def _measure(
    queue: list[Job],
    settings: Settings,
    run_file: RunFile,
    started: Callable[[Job], None],
    finished: Callable[[Job, str], None],
) -> list[Job]:
    """Lets one process measure the queue; returns what is left if it died on the way."""
    jobs = {job.cell.id: job for job in queue}
    sweep_pass = queue[0].sweep_pass
    current: Job | None = None
    with _process(queue, settings) as worker:
        for event in worker.events():
            if event["kind"] == "header":
                run_file.content["machine_info"] = event["machine_info"]
                run_file.content["commit_info"] = event["commit_info"]
                continue
            if event["kind"] == "start":
                current = jobs[event["cell"]]
                started(current)
                continue
            job = jobs.pop(event["cell"])
            if event["kind"] == "benchmark":
                run_file.add_benchmark(event["benchmark"])
            else:
                _store_outcome(run_file, job, settings, event["outcome"], event["message"])
            finished(job, event.get("outcome", "measured"))
            current = None
        code = worker.wait()
        if jobs and current is None:
            output = worker.output()
            raise SweepError(f"the measuring process ended (exit code {code}) before it measured:\n{output}")
    if current is not None:
        _store_outcome(run_file, current, settings, KILLED, _death(code))
        finished(current, KILLED)
        del jobs[current.cell.id]
    return [job for job in queue if job.cell.id in jobs and job.sweep_pass == sweep_pass]


def _death(code: int) -> str:
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    cause = ", most likely for want of memory" if code == -signal.SIGKILL else ""
    return f"the process that measured it ended with {how}{cause}"


def _store_outcome(run_file: RunFile, job: Job, settings: Settings, outcome: str, message: str) -> None:
    conditions = {"pass": job.sweep_pass, "threads": settings.threads, "allocator": settings.allocator}
    run_file.add_outcome(job.cell.id, {**describe(job.cell), **conditions}, outcome, message)


class _Worker:
    """A running measuring process and this end of its socket."""

    def __init__(self, process: subprocess.Popen, channel: socket.socket, log: Path) -> None:
        self.process, self.channel, self.log = process, channel, log

    def events(self) -> Iterator[dict]:
        """Each report, answered once the consumer has dealt with it; ends when the process does."""
        # A process that dies with an answer unread resets the connection.
        with self.channel.makefile("r") as lines, contextlib.suppress(ConnectionError):
            for line in lines:
                yield json.loads(line)
                self.channel.sendall(b"\n")

    def wait(self) -> int:
        return self.process.wait()

    def output(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


@contextlib.contextmanager
def _process(queue: Sequence[Job], settings: Settings) -> Iterator[_Worker]:
    """The measuring process, in a session of its own, so that Ctrl-C reaches only this one, which then ends it."""
    here, there = socket.socketpair()
    with tempfile.TemporaryDirectory(prefix="urnn-bench-") as scratch, here, there:
        cells, log = Path(scratch, "cells"), Path(scratch, "log")
        cells.write_text("\n".join(job.cell.id for job in queue))
        command = [sys.executable, "-m", "pytest", "bench/test_step_time.py", "--benchmark-only", "-q"]
        command += ["-p", "no:cacheprovider", "-W", "default", f"--profile={settings.profile.name}"]
        command += [f"--cells={cells}", f"--threads={settings.threads}", f"--pass={queue[0].sweep_pass}"]
        command += [f"--events={there.fileno()}"]
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=measured_environment(settings.allocator, settings.threads),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[there.fileno()],
                start_new_session=True,
            )
        there.close()
        try:
            yield _Worker(process, here, log)
        finally:
            process.kill()
            process.wait()
