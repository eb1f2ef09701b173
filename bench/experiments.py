"""The training runs behind reports/experiments, in the order in which they matter, and how far each one is.

There are two sets, in folders of their own. The comparison has each task's rivals with tuned settings, and ends a
run by seconds, the same for every model. The reproduction has the paper's tasks and models with the trainer's
presets, and ends a run by iterations, as the paper does.

One seed of everything comes first, short tasks before long ones, then the uRNN's other seeds of the reproduction,
whose spread matters most, then those of its rivals. So whenever time runs out, what has been run is as useful as
it can be.

Known weakness: a run is identified by its set, task, length, model and seed. One of another size that was started
by hand in the same folder counts as this one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from urnn import models
from urnn.training import folder
from urnn.training.log import Line, Log

COMPARISON, REPRODUCTION = SETS = ("comparison", "reproduction")


# An LRU is linear in its state. Copying asks for no more; elsewhere it stands in its authors' blocks too.
COMPARED = ("urnn", "exprnn", "lstm", "gru", "lru", "lru_blocks", "mingru_blocks")
COPYING = tuple(model for model in COMPARED if model != "lru_blocks")


@dataclass(frozen=True)
class Compared:
    """A task of the comparison, and how it is run.

    Attributes:
        seconds: of training after which a run ends: meant to be ten times what the fastest model needs to solve
            the task. Where it is less, the report says so and draws no conclusion from it.
    """

    task: str
    length: int | None
    seconds: float
    models: tuple[str, ...] = COMPARED


SHORT = (
    Compared("copying", 100, 60.0, COPYING),
    Compared("words_s3", None, 60.0),
    Compared("parity", None, 60.0),
    Compared("modular_addition", None, 60.0),
    Compared("permuted_digits", None, 60.0),
)
LONG = (
    Compared("copying", 200, 60.0, COPYING),
    Compared("selective_copying", 100, 180.0),
    Compared("copying", 1000, 120.0, COPYING),
    Compared("adding", 200, 300.0),
)
LONGEST = (Compared("copying", 10_000, 900.0, ("urnn", "exprnn", "lru")),)

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
MOST_ITERATIONS = 10**8  # of the comparison, where seconds decide


class Job(Protocol):
    """What is done in a process of its own: its file name, and what it ended with, None where it has to go on."""

    @property
    def slug(self) -> str: ...

    def end(self, runs: Path) -> Line | None: ...


class Training(Job, Protocol):
    """A job of the trainer's."""

    def arguments(self) -> list[str]: ...

    def runs_in(self, runs: Path) -> Path: ...


@dataclass(frozen=True)
class Experiment:
    """One run: a task, its T (None for those of one length), a model of the registry, a seed.

    Attributes:
        seconds: of a run of the comparison; None for one of the reproduction.
    """

    task: str
    length: int | None
    model: str
    seed: int
    seconds: float | None = None

    def __str__(self) -> str:
        length = f" T = {self.length}" if self.length else ""
        return f"{self.set_name}: {self.task}{length}, {models.get(self.model).label}, seed {self.seed}"

    @property
    def set_name(self) -> str:
        """Which of `SETS` it is of."""
        return REPRODUCTION if self.seconds is None else COMPARISON

    @property
    def slug(self) -> str:
        """A file name of its own."""
        return f"{self.set_name}-{self.task}-T{self.length or ''}-{self.model}-seed{self.seed}"

    def arguments(self) -> list[str]:
        """The trainer's arguments; the reproduction's first seed logs what the paper's Figure 4 shows."""
        length = [f"--length={self.length}"] if self.length else []
        common = [self.task, *length, f"--model={self.model}", f"--seed={self.seed}"]
        if self.seconds is not None:
            return [*common, f"--max-seconds={self.seconds:g}", f"--max-iterations={MOST_ITERATIONS}"]
        anatomy = ["--anatomy"] if self.seed == 0 and self.task in ("copying", "adding") else []
        return [*common, "--untuned", *anatomy]

    def runs_in(self, runs: Path) -> Path:
        """The folder of its set, which its trainer is given."""
        return runs / self.set_name

    def log(self, runs: Path) -> Log | None:
        """Its log below `runs`; None where it was never started or cannot be read."""
        return folder.newest_log(self.runs_in(runs), self.task, self.length, self.model, self.seed)

    def end(self, runs: Path) -> Line | None:
        """Its log's last line if it was solved, diverged or came to its limit; None where it can still go on."""
        log = self.log(runs)
        end = log.own_end() if log else None
        raised = end and self.seconds is not None and end["seconds"] < self.seconds
        return None if end and raised and end["outcome"] not in ("solved", "diverged") else end


def plan(full: bool, seeds: int, mnist: bool, sets: Sequence[str] = SETS) -> list[Experiment]:
    """Every run of the sets, reduced or full, most important first; with MNIST where `mnist`."""
    first, *rivals = FULL_MODELS if full else REDUCED_MODELS
    others = range(1, seeds)
    runs = [
        *_compared(SHORT, [0]),
        *_reproduced(full, mnist, [(model, 0) for model in (first, *rivals)]),
        *_compared(LONG, [0]),
        *_compared(SHORT, others),
        *_reproduced(full, mnist, [(first, seed) for seed in others]),
        *_compared(LONG, others),
        *_reproduced(full, mnist, [(model, seed) for seed in others for model in rivals]),
        *(_compared(LONGEST, range(seeds)) if full else []),
    ]
    return [run for run in runs if run.set_name in sets]


def _compared(tasks: Sequence[Compared], seeds: Sequence[int]) -> list[Experiment]:
    return [
        Experiment(one.task, one.length, model, seed, one.seconds)
        for seed in seeds
        for one in tasks
        for model in one.models
    ]


def _reproduced(full: bool, mnist: bool, turns: Sequence[tuple[str, int]]) -> list[Experiment]:
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
