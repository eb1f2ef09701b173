"""One job in a process of its own: `python -m bench.studies.engine.child RUNS STUDY JOB [--small]`.

The result is written as a whole at the end, or not at all; what went wrong is the last line on standard error.
"""

import argparse
import datetime
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from analysis.command_line import run
from analysis.vocabulary import STUDY_FORMAT
from bench.errors import ResultsError, SweepError
from bench.studies import every_study
from bench.studies.engine.jobs import Job, Workplace, place
from urnn.files import write_atomically
from urnn.training import owner
from urnn.training.errors import TrainingError
from urnn.training.facts import surroundings

SENTENCES = (ValueError, RuntimeError, OSError, ResultsError, SweepError, TrainingError)


def do(job: Job, runs: Path) -> Path:
    """Does the job and writes its result; the file."""
    workplace, path = Workplace(runs, job), place(runs, job.study, job.name)
    workplace.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    begun, facts = time.monotonic(), surroundings()
    tables = job.work(workplace)
    document = {
        "format": STUDY_FORMAT,
        "study": job.study,
        "job": job.name,
        "title": job.title,
        "settings": dict(job.settings),
        "provenance": {
            **facts,
            "ended_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - begun, 3),
            "threads": torch.get_num_threads(),
        },
        "tables": {name: list(rows) for name, rows in tables.items()},
    }
    write_atomically(path, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("study")
    parser.add_argument("job")
    parser.add_argument("--small", action="store_true")
    parser.add_argument(owner.OPTION, action="store_true")
    options = parser.parse_args(arguments)
    if options.end_with_stdin:
        owner.watch()
    study = next(one for one in every_study() if one.name == options.study)
    job = next(one for one in study.jobs(options.small) if one.name == options.job)
    do(job, options.runs)
    return 0


if __name__ == "__main__":
    sys.exit(run(main, SENTENCES))
