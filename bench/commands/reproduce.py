"""The comparison of models and the paper's experiments; a run is a process of `urnn.training`."""

import argparse
from pathlib import Path

from analysis.vocabulary import STEP_COSTS
from bench import step_costs, tuned_rows
from bench.errors import ResultsError, SweepError
from bench.experiments import MOST_SEEDS, SETS, plan
from bench.options import MOST_MINUTES, path, positive, whole_number
from bench.progress import show
from bench.reproduce import MOST_JOBS, Conditions, require_some, summary, train_all
from bench.run_file import sole_writer
from bench.workloads import is_here

PURPOSE = (
    "train the comparison of models and the paper's experiments until the time is up; the same command goes on"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which experiments, how long, and where they are kept."""
    add = parser.add_argument
    add("--full", action="store_true", help="the paper's whole set, on a GPU where there is one")
    which = f"leave out the other of {' and '.join(SETS)}"
    add("--only", choices=SETS, help=which)
    minutes = "start nothing after so many; default: %(default)s"
    add("--minutes", type=positive(MOST_MINUTES), default=30.0, help=minutes)
    add("--seeds", type=whole_number(MOST_SEEDS), default=3, help="seeds of each setting; default: %(default)s")
    jobs = "runs at a time, one thread each; default: %(default)s"
    add("--jobs", type=whole_number(MOST_JOBS), default=2, help=jobs)
    add("--runs", type=path, default=Path("runs"), metavar="FOLDER", help="where runs are kept; default: runs")
    mnist = "--full: MNIST's files; default: mnist"
    add("--mnist", type=path, default=Path("mnist"), metavar="FOLDER", help=mnist)


def run(options: argparse.Namespace) -> int:
    """Trains, then measures what a step of each run costs; 2 where no run has ended or Ctrl-C stopped them."""
    with_mnist = options.full and options.mnist.is_dir()
    experiments = plan(options.full, options.seeds, with_mnist, (options.only,) if options.only else SETS)
    device = "cuda" if options.full and is_here("cuda") else "cpu"
    extra = (f"--device={device}", *((f"--mnist={options.mnist.resolve()}",) if with_mnist else ()))
    conditions = Conditions(options.runs, options.jobs, 60 * options.minutes, extra)
    result = train_all(experiments, conditions, show)
    if options.full and not with_mnist:
        show(f"MNIST was not run: there is no folder {options.mnist} with its files.")
    for line in summary(result, len(experiments)):
        show(line)
    tuned_rows.write(experiments, options.runs)
    if result.stopped:
        raise KeyboardInterrupt
    require_some(len(result.before) + len(result.ended), "run")
    try:
        with sole_writer(options.runs / STEP_COSTS):
            step_costs.measure(experiments, options.runs)
    except (ValueError, RuntimeError, OSError, ResultsError, SweepError) as error:  # the report does without
        show(f"step times and memory were not measured: {error}")
    return 0
