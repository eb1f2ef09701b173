"""Settings for each task and model, found by the same protocol for all; docs/training.md describes it."""

import argparse
import os
from pathlib import Path

from bench import trials
from bench.errors import SweepError
from bench.options import MOST_MINUTES, MOST_SECONDS, names, path, positive, whole_number
from bench.progress import show
from bench.reproduce import MOST_JOBS, Conditions, require_some
from bench.tuning import Protocol, chosen, tune
from urnn import models
from urnn.training import files, tuned

PURPOSE = "search each model's settings for a task, the same way for all; the same command goes on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which tasks and models, what each is given, and for how long the command works."""
    add = parser.add_argument
    add(
        "--task",
        type=names,
        required=True,
        metavar="TASKS",
        help="copying-100,parity: tasks, with T where they need it",
    )
    add("--models", type=names, default=("zoo",), help="urnn,lstm: models, or zoo for all; default: zoo")
    add(
        "--minutes",
        type=positive(MOST_MINUTES),
        default=60.0,
        help="start nothing after so many; default: %(default)s",
    )
    number = "settings tried for each task and model; default: %(default)s"
    add("--trials", type=whole_number(trials.MOST_TRIALS), default=16, help=number)
    more = "one more trial of every model: the settings chosen for it on this task, such as a shorter T"
    add("--include", metavar="TASK", help=more)
    budget = "of training for each task and model, over all its trials; default: %(default)s"
    add("--seconds", type=positive(MOST_SECONDS), default=240.0, help=budget)
    jobs = os.cpu_count() or 1
    add(
        "--jobs",
        type=whole_number(MOST_JOBS),
        default=jobs,
        help="trials at a time, one thread each; default: cores",
    )
    add(
        "--runs",
        type=path,
        default=Path("tuning"),
        metavar="FOLDER",
        help="where trials are kept; default: tuning",
    )
    add("--mnist", type=path, default=Path("mnist"), metavar="FOLDER", help="MNIST's files; default: mnist")
    add("--write", action="store_true", help="write what was chosen into urnn/training/tuned_settings")


def run(options: argparse.Namespace) -> int:
    """Tunes and says what was chosen; 2 where the time was up before that or Ctrl-C stopped it."""
    wanted = tuple(models.MODELS | models.ZOO) if options.models == ("zoo",) else options.models
    for model in wanted:
        models.get(model)
    protocol = Protocol(options.trials, options.seconds, include=options.include)
    extra = (f"--mnist={options.mnist.resolve()}",)
    conditions = Conditions(options.runs, options.jobs, 60 * options.minutes, extra, "tune")
    pairs, done, stopped = tune(options.task, wanted, protocol, conditions, show)
    if stopped:
        raise KeyboardInterrupt
    require_some(done, "search")
    for pair in pairs:
        found = chosen(pair, options.runs, protocol)
        if found is None:
            show(f"{pair.place}, {pair.model}: no trial came to anything, see {options.runs / 'output'}")
            continue
        settings, summary = found
        at = summary["solved_iteration"]
        result = f"solved at iteration {at}" if at else f"best validation loss {summary['best_loss']:.4g}"
        given = ", ".join(f"{name} {value}" for name, value in settings.items() if value is not None)
        show(f"{pair.place}, {pair.model}: trial {summary['best']} of {summary['count']}, {result}: {given}")
        if options.write:
            try:
                show(f"written: {tuned.write(*tuned.parsed(pair.place), pair.model, settings, summary)}")
            except OSError as error:
                raise SweepError(f"cannot write to {tuned.FOLDER} ({files.reason(error)})") from error
    return 0
