"""What a training step of each run costs, measured as the benchmark measures: its time alone and its peak memory.

A run's own iterations a second include drawing data, and its memory is nobody's count. Seeds share a step, and so
do images of one size, whatever they show and in whichever order.

Known weakness: the benchmark's images are the small digits, repeated where a run has longer ones; its work is the
same, its values are not.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from analysis.vocabulary import STEP_COSTS
from bench import identity
from bench.experiments import Experiment
from bench.grid import Cell
from bench.lane.lane import Side
from bench.lane.settings import Settings
from bench.lane.sweep import plan, run
from bench.paths import ROOT
from bench.profiles import PROFILES
from bench.progress import show
from bench.run_file import RunFile
from urnn.tasks import TASKS


def cells(experiments: Sequence[Experiment], runs: Path, log: Callable[[str], None] = show) -> list[Cell]:
    """The training step of every run that has a log, each once, in the order of the runs.

    Logs each run that is left out because the first line of its training log does not say what was trained.
    """
    found: dict[Cell, None] = {}
    for experiment in experiments:
        written = experiment.log(runs)
        lines = written.lines() if written else []
        if not lines:
            continue
        try:
            found[_cell(experiment, lines[0])] = None
        except (KeyError, TypeError, ValueError) as error:
            why = f"no {error} in it" if isinstance(error, KeyError) else str(error)
            log(f"{experiment}: its step is not measured, because its log's first line is damaged: {why}")
    return list(found)


def _cell(experiment: Experiment, first: dict) -> Cell:
    """The first line of a log -> the cell of its training step."""
    if (first["task"], first["model"]) != (experiment.task, experiment.model):
        raise ValueError(f"it is of {first['task']!r} and {first['model']!r}")
    return Cell(
        model=experiment.model,
        backend=first["backend"],
        phase="train",
        device=first["device"],
        dtype=first["dtype"],
        hidden_size=first["hidden_size"],
        length=first["steps"],
        batch=first["batch"],
        task=experiment.task if experiment.task in TASKS else "pixels",
    )


def measure(experiments: Sequence[Experiment], runs: Path, threads: int = 1) -> Path | None:
    """Measures what is not measured yet into RUNS/step_costs; the file, or None where no run has a log.

    Raises:
        SweepError, ResultsError: as `bench.lane.sweep.run`.
    """
    wanted = cells(experiments, runs)
    if not wanted:
        return None
    profile = PROFILES["quick"]
    settings = Settings(profile, threads, "kept")
    name = f"{identity.results_digest(ROOT, wanted)}_{profile.name}_{threads}t_kept"
    file = RunFile.open(runs / STEP_COSTS, name, settings.conditions, fresh=False)
    run(plan(wanted, 1), Side(settings, file))
    return file.path
