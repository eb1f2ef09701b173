"""What a training step of each run costs, measured as the benchmark measures: its time alone and its peak memory.

A run's own iterations a second include drawing data, and its memory is nobody's count. Seeds share a step, and so
do images of one size, whatever they show and in whichever order.

Known weakness: the benchmark's images are the small digits, repeated where a run has longer ones; its work is the
same, its values are not.
"""

from collections.abc import Sequence
from pathlib import Path

from bench import identity
from bench.experiments import Experiment
from bench.grid import PROFILES, Cell
from bench.store import RunFile
from bench.sweep import plan, run
from bench.worker import ROOT, Settings
from urnn.tasks import TASKS

FOLDER = "step_costs"


def cells(experiments: Sequence[Experiment], runs: Path) -> list[Cell]:
    """The training step of every run that has a log, each once, in the order of the runs."""
    logs = (experiment.lines(runs) for experiment in experiments)
    return list(dict.fromkeys(_cell(lines[0]) for lines in logs if lines))


def _cell(first: dict) -> Cell:
    """The first line of a log -> the cell of its training step."""
    return Cell(
        model=first["model"],
        backend=first["backend"],
        phase="train",
        device=first["device"],
        dtype=first["dtype"],
        hidden_size=first["hidden_size"],
        length=first["steps"],
        batch=first["batch"],
        task=first["task"] if first["task"] in TASKS else "pixels",
    )


def measure(experiments: Sequence[Experiment], runs: Path, threads: int = 1) -> Path | None:
    """Measures what is not measured yet into RUNS/step_costs; the file, or None where no run has a log.

    Raises:
        SweepError, ResultsError: as `bench.sweep.run`.
    """
    wanted = cells(experiments, runs)
    if not wanted:
        return None
    profile = PROFILES["quick"]
    conditions = {"profile": profile.name, "threads": threads, "allocator": "kept"}
    name = f"{identity.commit(ROOT)}-{identity.source_digest(ROOT)}_{profile.name}_{threads}t_kept"
    file = RunFile.open(runs / FOLDER, name, conditions, fresh=False)
    run(plan(wanted, 1), Settings(profile, threads, "kept"), file, lambda job: None, lambda job, outcome: None)
    return file.path
