"""The conductor of a sweep: cells to a measuring process, its results to the file, nothing lost on the way.

The measuring process is pytest with pytest-benchmark. It reports each cell as it ends and waits until the result
is stored, so no clock runs while the disk is written. If it dies (killed for memory, say), the cell it was at is
recorded as that, and a new process goes on with the next.
"""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.vocabulary import KILLED, MEASURED
from bench.errors import SweepError
from bench.grid import Cell
from bench.lane.process import death, measuring_process
from bench.lane.settings import Settings
from bench.prepare import describe
from bench.run_file import RunFile

SENT = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)  # by the system or someone, not by a fault


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
    with measuring_process([job.cell for job in queue], sweep_pass, settings) as worker:
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
                again = event.get("again", False)
                store_outcome(run_file, job, settings, event["outcome"], event["message"], again=again)
            finished(job, event.get("outcome", MEASURED))
            current = None
        code = worker.wait()
        if jobs and current is None:
            output = worker.output()
            raise SweepError(f"the measuring process ended (exit code {code}) before it measured:\n{output}")
    if current is not None:
        store_outcome(run_file, current, settings, KILLED, death(code), again=-code in SENT)
        finished(current, KILLED)
        del jobs[current.cell.id]
    return [job for job in queue if job.cell.id in jobs and job.sweep_pass == sweep_pass]


def store_outcome(
    run_file: RunFile, job: Job, settings: Settings, outcome: str, message: str, *, again: bool = False
) -> None:
    """Stores that a job gave no figure, with the conditions that a figure would have carried.

    `again`: its surroundings failed and not the cell, see `RunFile.add_outcome`.
    """
    conditions = {"pass": job.sweep_pass, "threads": settings.threads, "allocator": settings.allocator}
    run_file.add_outcome(job.cell.id, {**describe(job.cell), **conditions}, outcome, message, again=again)
