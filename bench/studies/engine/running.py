"""All jobs until they are done or the time is up, on the schedule of `bench.reproduce`; the same command goes on.

Beside the results stands a plan, which names every job, so that a report can say what was not run.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.documents import TEXT, ListOf, Record, load_format
from analysis.errors import AnalysisError
from analysis.vocabulary import STUDY_FORMAT, STUDY_PLAN, counted, duration
from bench.errors import SweepError
from bench.progress import show
from bench.reproduce import Conditions, Result, train_all
from bench.studies.engine.jobs import Job
from urnn.files import write_atomically
from urnn.training import files, owner

CHILD = (sys.executable, "-m", "bench.studies.engine.child")
COMMAND = "python -m bench related"
PLAN = Record({"jobs": ListOf(Record({"study": TEXT, "job": TEXT}, {"failed": TEXT}))})


def chosen(jobs: Sequence[Job], only: Sequence[str]) -> list[Job]:
    """Those of the studies or jobs that are named, "pruning" or "pruning/dense-seed0", with what they need.

    Raises:
        ValueError: a name that is neither.
    """
    if not only:
        return list(jobs)
    known = {job.study for job in jobs} | {job.key for job in jobs}
    if strangers := [name for name in only if name not in known]:
        studies = ", ".join(dict.fromkeys(job.study for job in jobs))
        raise ValueError(
            f"expected studies ({studies}) or their jobs, got {strangers[0]!r}; --list names them all"
        )
    wanted = {job.key for job in jobs if job.study in only or job.key in only}
    while more := {f"{job.study}/{name}" for job in jobs if job.key in wanted for name in job.needs} - wanted:
        wanted |= more
    return [job for job in jobs if job.key in wanted]


def run_all(jobs: Sequence[Job], wanted: Sequence[Job], conditions: Conditions, small: bool) -> Result:
    """Does those of the `jobs` that are wanted and have no result yet, and writes the plan of all.

    Raises:
        SweepError: another process works in the folder, or it cannot be written to; or it has results of the
            other scale.
    """
    runs = conditions.runs
    _require_scale(runs, small)
    write_plan(jobs, runs, small, {})
    result = train_all(wanted, conditions, show)
    write_plan(jobs, runs, small, {job.key: why for job, why in result.failed})
    return result


def conditions_of(wanted: Sequence[Job], runs: Path, jobs: int, seconds: float, small: bool) -> Conditions:
    """How they are done."""

    def told(end: dict[str, Any]) -> str:
        left = sum(job.seconds for job in wanted if not job.end(runs)) / jobs
        rows = sum(map(len, end["tables"].values()))
        took = duration(end["provenance"]["seconds"])
        return f"done in {took}, {counted(rows, 'row')}; about {duration(left)} left in all"

    def process(job: Job, _: Conditions) -> list[str]:
        scale = ["--small"] if small else []
        return [*CHILD, str(runs.resolve()), job.study, job.name, *scale, owner.OPTION]

    known, ended = {job.key: job for job in wanted}, set()

    def is_ready(job: Job) -> bool:
        needed = {f"{job.study}/{name}" for name in job.needs} - ended
        ended.update(key for key in needed if known[key].end(runs))
        return needed <= ended

    def choose(waiting: Sequence[Job], going: Sequence[Job]) -> Job | None:
        job = next(filter(is_ready, waiting), None)
        must_wait = job and going and (job.alone or any(one.alone for one in going))
        return None if must_wait else job

    return Conditions(runs, jobs, seconds, command="related", process=process, told=told, choose=choose)


def summary(result: Result, planned: int) -> list[str]:
    """What was done and what was not, a sentence a line."""
    done = len(result.before) + len(result.ended)
    lines = [f"{done} of {planned} jobs are done, {len(result.ended)} of them now."]
    if result.interrupted:
        lines.append(f"Interrupted, to go on with the same command: {_named(result.interrupted)}.")
    stop = "it was stopped" if result.stopped else "the time was up"
    without = {job.key for job, _ in result.failed}
    for job in result.not_run:
        without |= {job.key for name in job.needs if f"{job.study}/{name}" in without}
    for why, jobs in (
        (f"{stop}; the same command goes on", [job for job in result.not_run if job.key not in without]),
        ("what they need failed", [job for job in result.not_run if job.key in without]),
    ):
        lines += [f"{len(jobs)} not run, because {why}: {_named(jobs)}."] if jobs else []
    return lines + [f"failed: {job}: {why}" for job, why in result.failed]


def _named(jobs: Sequence[Job]) -> str:
    return "; ".join(map(str, jobs))


def _require_scale(runs: Path, small: bool) -> None:
    """Small results are no figures, and must not stand in for those of full size."""
    path = runs / STUDY_PLAN
    if not path.exists():
        return
    found = _read_plan(path)
    if found.get("small", False) != small:
        was = "without" if small else "with"
        raise SweepError(f"{runs} was begun {was} --small; go on {was} it, or name another folder with --runs")


def _read_plan(path: Path) -> dict[str, Any]:
    try:
        return load_format(path, PLAN, STUDY_FORMAT, "a plan")
    except AnalysisError as error:
        raise SweepError(f"{str(error).removesuffix('.')}; remove it") from error


def write_plan(jobs: Sequence[Job], runs: Path, small: bool, failed: Mapping[str, str]) -> None:
    """Every job with why it failed, if it did so now, or when it was last tried."""
    path = runs / STUDY_PLAN
    earlier = _read_plan(path)["jobs"] if path.exists() else []
    why = {f"{job['study']}/{job['job']}": job["failed"] for job in earlier if job.get("failed")} | dict(failed)
    rows = [
        {
            "study": job.study,
            "job": job.name,
            "title": job.title,
            "settings": dict(job.settings),
            "command": f"{COMMAND} --only {job.key}",
            "failed": None if job.end(runs) else why.get(job.key),
        }
        for job in jobs
    ]
    text = json.dumps({"format": STUDY_FORMAT, "small": small, "jobs": rows}, indent=1) + "\n"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise SweepError(
            f"cannot write to {runs} ({files.reason(error)}); name another folder with --runs"
        ) from error
