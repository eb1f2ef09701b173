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
from bench.grid import PROFILES, Cell
from bench.lane.settings import Settings
from bench.lane.sweep import plan, run
from bench.paths import ROOT
from bench.progress import show
from bench.run_file import RunFile
from urnn.tasks import TASKS


def cells(experiments: Sequence[Experiment], runs: Path, told: Callable[[str], None] = show) -> list[Cell]:
    """The training step of every run that has a log, each once, in the order of the runs.

    `told` hears of each run that is left out, since the first line of its log does not say what was trained.
    """
    found: dict[Cell, None] = {}
    for experiment in experiments:
        lines = experiment.lines(runs)
        if not lines:
            continue
        try:
            found[_cell(experiment, lines[0])] = None
        except (KeyError, TypeError, ValueError) as error:
            why = f"no {error} in it" if isinstance(error, KeyError) else str(error)
            told(f"{experiment}: its step is not measured, for its log's first line is damaged: {why}")
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
    conditions = {"profile": profile.name, "threads": threads, "allocator": "kept"}
    name = f"{identity.source_digest(ROOT, wanted)}_{profile.name}_{threads}t_kept"
    file = RunFile.open(runs / STEP_COSTS, name, conditions, fresh=False)
    run(plan(wanted, 1), Settings(profile, threads, "kept"), file, lambda job: None, lambda job, outcome: None)
    return file.path
