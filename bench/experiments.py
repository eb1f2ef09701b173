"""The training runs that reproduce the paper, in the order in which they matter, and how far each one is.

One seed of everything comes first, then the uRNN's other seeds, whose spread matters most, then those of its
rivals; short tasks come before long ones. So whenever time runs out, what has been run is as useful as it can be.
Sizes and settings are the trainer's presets.

Known weakness: a run is identified by task, length, model and seed. One of another size that was started by hand
in the same folder counts as this one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from urnn import models
from urnn.training import folder
from urnn.training.log import Line, Log

REDUCED_TASKS = (
    *(("copying", length) for length in (100, 200, 300, 500)),
    *(("adding", length) for length in (100, 200)),
    ("digits", None),
    ("permuted_digits", None),
)
# Beyond the paper. In the reduced set the uRNN's alone: the others do not leave the baseline at T = 500 already.
LONG_TASKS = tuple(("copying", length) for length in (1000, 2000, 5000))
FULL_TASKS = (
    *(("copying", length) for length in (100, 200, 300, 500)),
    *LONG_TASKS,
    *(("adding", length) for length in (100, 200, 400, 750)),
    ("digits", None),
    ("permuted_digits", None),
)
MNIST_TASKS = (("mnist", None), ("permuted_mnist", None))
REDUCED_MODELS = ("urnn", "lstm", "irnn", "ortho_cayley")
FULL_MODELS = ("urnn", "lstm", "rnn_tanh", "irnn", "ortho_cayley", "ortho_matrix_exp")

MOST_SEEDS = 1000


class Job(Protocol):
    """What is trained in a process of its own."""

    @property
    def slug(self) -> str: ...

    def arguments(self) -> list[str]: ...

    def runs_in(self, runs: Path) -> Path: ...

    def end(self, runs: Path) -> Line | None: ...


@dataclass(frozen=True)
class Experiment:
    """One run: a task, its T (None for images), a model of the registry, a seed."""

    task: str
    length: int | None
    model: str
    seed: int

    def __str__(self) -> str:
        length = f" T = {self.length}" if self.length else ""
        return f"{self.task}{length}, {models.get(self.model).label}, seed {self.seed}"

    @property
    def slug(self) -> str:
        """A file name of its own."""
        return f"{self.task}-T{self.length or ''}-{self.model}-seed{self.seed}"

    def arguments(self) -> list[str]:
        """The trainer's arguments; runs with the first seed log what the paper's Figure 4 shows."""
        length = [f"--length={self.length}"] if self.length else []
        anatomy = ["--anatomy"] if self.seed == 0 and self.task in ("copying", "adding") else []
        return [self.task, *length, f"--model={self.model}", f"--seed={self.seed}", *anatomy]

    def runs_in(self, runs: Path) -> Path:
        """The folder that its trainer is given."""
        return runs

    def log(self, runs: Path) -> Log | None:
        """Its log below `runs`; None where it was never started or cannot be read."""
        return folder.newest_log(runs, self.task, self.length, self.model, self.seed)

    def end(self, runs: Path) -> Line | None:
        """Its log's last line if it was solved, finished or diverged; None where it can still go on."""
        log = self.log(runs)
        return log.own_end() if log else None


def plan(full: bool, seeds: int, mnist: bool) -> list[Experiment]:
    """Every run of the reduced or the full set, most important first; with MNIST where `mnist`."""
    first, *rivals = FULL_MODELS if full else REDUCED_MODELS
    others = range(1, seeds)
    turns = [(model, 0) for model in (first, *rivals)]
    turns += [(first, seed) for seed in others]
    turns += [(model, seed) for seed in others for model in rivals]
    return [
        Experiment(task, length, model, seed)
        for model, seed in turns
        for task, length in (_full_tasks(mnist) if full else _reduced_tasks(model))
    ]


def _full_tasks(mnist: bool) -> list[tuple[str, int | None]]:
    return [*FULL_TASKS, *(MNIST_TASKS if mnist else ())]


def _reduced_tasks(model: str) -> list[tuple[str, int | None]]:
    if model != "urnn":
        return list(REDUCED_TASKS)
    copying = [place for place in REDUCED_TASKS if place[0] == "copying"]
    return [*copying, *LONG_TASKS, *REDUCED_TASKS[len(copying) :]]
