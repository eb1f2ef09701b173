"""The studies of related systems; a job is a process of its own."""

import argparse
from pathlib import Path

from analysis.vocabulary import RELATED, duration
from bench.options import MOST_MINUTES, names, path, positive, whole_number
from bench.progress import show
from bench.reproduce import MOST_JOBS, require_some
from bench.studies import every_study
from bench.studies.engine.jobs import planned
from bench.studies.engine.running import chosen, conditions_of, run_all, summary

PURPOSE = "study the related systems until the time is up; the same command goes on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which jobs, how long, and where their results are kept."""
    add = parser.add_argument
    add("--minutes", type=positive(MOST_MINUTES), default=25.0, help="default: %(default)s")
    add("--runs", type=path, default=Path(RELATED), metavar="FOLDER", help="of the results; default: %(default)s")
    add("--only", type=names, default=(), metavar="NAMES", help="studies, or jobs of them, and what those need")
    jobs = "jobs at a time, one thread each; times are measured alone; default: %(default)s"
    add("--jobs", type=whole_number(MOST_JOBS), default=2, help=jobs)
    add("--small", action="store_true", help="a trial of seconds, in a folder of its own; its figures say nothing")
    add("--list", action="store_true", help="say what would be done, and do nothing")


def run(options: argparse.Namespace) -> int:
    """Does what is not done yet; 2 where nothing is done at the end, or Ctrl-C stopped it."""
    jobs = planned(every_study(), options.small)
    wanted = chosen(jobs, options.only)
    if options.list:
        for job in wanted:
            show(
                f"{job.key}: {job.title}, {'done' if job.end(options.runs) else f'about {duration(job.seconds)}'}"
            )
        return 0
    conditions = conditions_of(wanted, options.runs, options.jobs, 60 * options.minutes, options.small)
    result = run_all(jobs, wanted, conditions, options.small)
    for line in summary(result, len(wanted)):
        show(line)
    if result.stopped:
        raise KeyboardInterrupt
    require_some(len(result.before) + len(result.ended), "job")
    return 0
