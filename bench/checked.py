"""The gate before the GPU profile: a kernel that is wrong is not timed.

The checks run in a process of their own, so that no memory of theirs is on the device while others are measured,
and so that a kernel that brings its process down takes no measurement with it.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from analysis.vocabulary import FAILED
from bench.grid import Cell
from bench.kernel_check import Check, sizes
from bench.lane.events import GaveNothing
from bench.lane.lane import Job, Side
from bench.lane.settings import Settings, environment_of
from bench.paths import ROOT
from bench.processes import children
from bench.processes.scratch import scratch_folder, temporary_files


def run_checks(cells: Sequence[Cell], settings: Settings, log: Callable[[str], None]) -> list[Check]:
    """Tries every fused kernel among the cells and logs one line for each."""
    wanted = sizes(cells)
    if not wanted:
        log("no fused uRNN kernel for these cells: nothing to check")
        return []
    command = [sys.executable, "-m", "bench.kernel_check"]
    with scratch_folder("sweep") as scratch:
        environment = environment_of(settings) | temporary_files(scratch)
        done = children.run(command, ROOT, environment, json.dumps(wanted), grace=0)
    checks = list(_read(done.stdout))
    said = children.last_line(done.stderr, otherwise="no message")
    died = f"the process that checked it ended with exit code {done.returncode} ({said})"
    checks += [Check(*size, failure=died) for size in wanted[len(checks) :]]
    for check in checks:
        log(check.line())
    return checks


def _read(output: str) -> Iterator[Check]:
    """A check a line, up to one that the process did not finish."""
    for line in output.splitlines():
        try:
            yield Check(**json.loads(line))
        except (ValueError, TypeError):
            return


def without_wrong(jobs: Sequence[Job], checks: Sequence[Check], side: Side) -> list[Job]:
    """The jobs that may be timed; the others are stored with the check that their kernel failed.

    The checks are stored beside, so that the report can state the errors.
    """
    side.run_file.content["run"]["checks"] = [asdict(check) for check in checks]
    wrong = {(check.backend, check.hidden_size): check for check in checks if not check.right}
    measured, kept = side.run_file.measured(), []
    for job in jobs:
        key = (job.cell.implementation, job.cell.hidden_size)
        if job.cell.model != "urnn" or key not in wrong:
            kept.append(job)
        elif (job.cell.id, job.pass_number) not in measured:
            check = wrong[key]  # one that did not run at all is tried again by the next run
            message = f"not timed: {check.line()}"
            side.store(job, GaveNothing(job.cell.id, FAILED, message, again=bool(check.failure)))
    return kept
