"""What tuning tries: one space and one schedule for every model, and how trials are held against each other.

The draws of a task are the same for all models: trial k has the same learning rate, optimiser and clipping
everywhere, and its slow rate and first values are the model's at the same place of its list. Trial 1 is the
model's untuned preset; one more may be what was chosen for the same model on another task. A trial is ranked by
its validation data alone: one that solved a task that ends with its goal by the iterations it took, others by
their best score, or best loss where the goal is on the loss. One that diverged is never chosen.
"""

import itertools
import math
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from urnn import models
from urnn.training import folder, tuned
from urnn.training.log import Line, Log
from urnn.training.presets import untuned

SPACE_VERSION = 1
SEED = 1_000_000  # of every trial; final runs have seeds below `experiments.MOST_SEEDS`
MOST_TRIALS = 32  # of 36 that all models share
MOST_ITERATIONS = 10**7  # seconds decide
LEARNING_RATES = (3e-4, 1e-3, 3e-3, 1e-2)
SLOW_RATES = (1.0, 0.25, 0.1)
OPTIMISERS = (("rmsprop", 0.9, 0.9), ("adam", 0.999, 0.9), ("adam", 0.9, 0.9))  # name, decay, momentum
CLIPPING = ((None, None), (1.0, None), (None, 1.0))  # of every entry, of the norm

Rates = tuple[float, tuple[str, float, float], tuple[float | None, float | None]]
Settings = tuple[tuple[str, Any], ...]  # names and values, in the order of `tuned.NAMES`


@dataclass(frozen=True)
class Trial:
    """One setting of a model on a task, trained up to so many seconds."""

    task: str
    length: int | None
    model: str
    number: int
    settings: Settings
    seconds: float

    def __str__(self) -> str:
        return f"{tuned.place_of(self.task, self.length)}, {models.get(self.model).label}, trial {self.number}"

    @property
    def slug(self) -> str:
        """A file name of its own."""
        return f"{tuned.place_of(self.task, self.length)}-{self.model}-trial{self.number:02}"

    def arguments(self) -> list[str]:
        """The trainer's: every setting, none left to a preset."""
        length = [f"--length={self.length}"] if self.length else []
        none = {"clip": 0, "clip_norm": 0}
        given = [
            f"--{name.replace('_', '-')}={none.get(name) if value is None else value}"
            for name, value in self.settings
            if value is not None or name in none
        ]
        ends = [f"--max-seconds={self.seconds}", f"--max-iterations={MOST_ITERATIONS}"]
        model = (f"--model={self.model}", f"--seed={SEED}")
        return [self.task, *length, "--untuned", "--no-test", *model, *given, *ends]

    def runs_in(self, runs: Path) -> Path:
        """Each trial has a folder of its own."""
        return runs / tuned.place_of(self.task, self.length) / self.model / f"trial-{self.number:02}"

    def log(self, runs: Path) -> Log | None:
        """None where it was never started or cannot be read."""
        return folder.newest_log(self.runs_in(runs), self.task, self.length, self.model, SEED)

    def end(self, runs: Path) -> Line | None:
        """Its last line if it needs no more of its seconds."""
        log = self.log(runs)
        end = log.own_end() if log else None
        over = end and (end["outcome"] in ("solved", "diverged") or end["seconds"] >= self.seconds)
        return end if over else None


@cache
def _has_slow_parameters(model: str) -> bool:
    row = models.get(model)
    return bool(list(row.slow_parameters(row.build(2, 4))))


def _draws(place: str) -> list[tuple[Rates, float, float]]:
    """Rates, optimiser and clipping in random order, each once, with two numbers from 0 to 1: the same for all."""
    numbers = random.Random(f"space {SPACE_VERSION} of {place}")
    shared = list(itertools.product(LEARNING_RATES, OPTIMISERS, CLIPPING))
    numbers.shuffle(shared)
    return [(one, numbers.random(), numbers.random()) for one in shared]


def settings_of(place: str, model: str, count: int, include: str | None = None) -> list[Settings]:
    """So many different ones, up to `MOST_TRIALS`: the preset, then the task's draws as this model has them.

    Where another place is included, the settings chosen there come last, unless they are among the others.

    Raises:
        ValueError: the model was not tuned there.
    """
    task, length = tuned.parsed(place)
    plain = untuned(task, model, length)
    found: dict[Settings, None] = {tuple((name, getattr(plain, name)) for name in tuned.NAMES): None}
    slow_rates = SLOW_RATES if _has_slow_parameters(model) else (1.0,)
    initials = (None, *models.get(model).initialisations)
    for (rate, (optimiser, decay, momentum), (clip, norm)), slow, initial in _draws(place):
        slow_rate, first = slow_rates[int(slow * len(slow_rates))], initials[int(initial * len(initials))]
        values = (optimiser, rate, slow_rate, decay, momentum, clip, norm, first)
        found[tuple(zip(tuned.NAMES, values, strict=True))] = None  # one that is the preset's adds none
    return list(dict.fromkeys([*list(found)[:count], *([] if include is None else [_chosen(include, model)])]))


def _chosen(place: str, model: str) -> Settings:
    before = tuned.read(*tuned.parsed(place), model)
    if before is None:
        raise ValueError(
            f"{model} was not tuned on {place}; run python -m bench tune --task {place} --write first"
        )
    return tuple(before["settings"].items())


def rungs(count: int, budget: float) -> list[tuple[int, float]]:
    """Successive halving: how many trials are trained up to how many seconds, which add up to the budget.

    Example:
        >>> from bench.trials import rungs
        >>> rungs(4, 16.0)
        [(4, 2.0), (2, 4.0), (1, 8.0)]
    """
    counts = [count]
    while counts[-1] > 1:
        counts.append(math.ceil(counts[-1] / 2))
    first = budget / (count + sum(left * 2 ** (place - 1) for place, left in enumerate(counts[1:], 1)))
    return [(left, first * 2**place) for place, left in enumerate(counts)]


def outcome_of(trial: Trial, runs: Path) -> dict[str, Any]:
    """What a trial's log says so far; `rank` is smaller for a better one, None where it has none."""
    log = trial.log(runs)
    lines = log.lines() if log else []
    seen = [line for line in lines if line["kind"] == "evaluation"]
    last = lines[-1] if len(lines) > 1 else {}
    outcome = last.get("outcome", "unfinished")
    solved = next((line for line in seen if line.get("solved")), {})
    loss = min((line["loss"] for line in seen), default=None)
    score = max((line["score"] for line in seen), default=None)
    return {
        "best_loss": loss,
        "best_score": score,
        "iterations": last.get("iteration", 0),
        "seconds": last.get("seconds", 0.0),
        "solved_iteration": solved.get("iteration"),
        "solved_seconds": solved.get("seconds"),
        "outcome": outcome,
        "rank": _rank(lines[0]["goal"], solved, loss, score) if seen and outcome != "diverged" else None,
    }


def _rank(goal: dict[str, Any], solved: Line, loss: float, score: float) -> tuple[float, ...]:
    if goal["ends_training"]:
        return (0.0, solved["iteration"]) if solved else (1.0, loss)
    return (-score, loss) if goal["bounds"][0]["scored"] == "score" else (loss,)
