"""The gate before the GPU profile: a kernel that is wrong is not timed.

The checks run in a process of their own, so that no memory of theirs is on the device while others are measured,
and so that a kernel that brings its process down takes no measurement with it.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from analysis.vocabulary import FAILED
from bench.grid import Cell
from bench.kernel_check import BROKEN, HALVES, Check, Size
from bench.lane.events import GaveNothing
from bench.lane.lane import Job, Side
from bench.lane.settings import Settings, environment_of
from bench.paths import ROOT
from bench.processes import children
from bench.processes.scratch import scratch_folder, temporary_files


def run_checks(wanted: Sequence[Size], settings: Settings, log: Callable[[str], None]) -> list[Check]:
    """Tries these kernels and logs one line for each as it comes.

    An error of CUDA's stays with the process that met it, so the rest is tried by another one.
    """
    if not wanted:
        log("no fused uRNN kernel for these cells: nothing to check")
    checks: list[Check] = []
    while len(checks) < len(wanted):
        for check in _by_one_process(wanted[len(checks) :], settings):
            checks.append(check)
            log(check.line())
    return checks


def _by_one_process(wanted: Sequence[Size], settings: Settings) -> Iterator[Check]:
    """The checks that a process made before it ended; at least one, which failed if the process died of it."""
    command, done = [sys.executable, "-m", "bench.kernel_check"], 0
    with scratch_folder("sweep") as scratch, (scratch / "errors").open("w+") as errors:
        (scratch / "sizes").write_text(json.dumps(wanted))
        environment = environment_of(settings) | temporary_files(scratch)
        with (
            (scratch / "sizes").open() as given,
            children.child(
                command, ROOT, environment, grace=0, stdin=given, stdout=subprocess.PIPE, stderr=errors
            ) as process,
        ):
            for line in process.stdout:
                check = _read(line)
                if check is None:
                    break
                done += 1
                yield check
            code = process.wait()
        if done < len(wanted) and code != BROKEN:
            errors.seek(0)
            said = children.last_line(errors.read(), otherwise="no message")
            died = f"the process that checked it ended with exit code {code} ({said})"
            yield Check(*wanted[done], failure=died)


def _read(line: str) -> Check | None:
    """None for one that the process did not finish."""
    try:
        return Check(**json.loads(line))
    except (ValueError, TypeError):
        return None


def failed_check(cell: Cell, checks: Sequence[Check]) -> Check | None:
    """The check that says that the cell's kernel is wrong; None where it is right or the cell has none.

    What is wrong with the kernel of a dtype of 16 bits says nothing about those of others.
    """
    key = (cell.implementation, cell.hidden_size)
    wrong = [
        one
        for one in checks
        if not one.right
        and (one.backend, one.hidden_size) == key
        and (one.dtype == cell.dtype or one.dtype not in HALVES)
    ]
    return wrong[-1] if wrong and cell.model == "urnn" else None


def without_wrong(jobs: Sequence[Job], checks: Sequence[Check], side: Side) -> list[Job]:
    """The jobs that may be timed; the others are stored with the check that their kernel failed.

    The checks are stored beside, so that the report can state the errors.
    """
    side.run_file.content["run"]["checks"] = [asdict(check) for check in checks]
    measured, kept = side.run_file.measured(), []
    for job in jobs:
        check = failed_check(job.cell, checks)
        if check is None:
            kept.append(job)
        elif (job.cell.id, job.pass_number) not in measured:  # one that did not run at all is tried again
            message = f"not timed: {check.line()}"
            side.store(job, GaveNothing(job.cell.id, FAILED, message, again=bool(check.failure)))
    return kept
