"""Runs that are repetitions of each other: alike in everything but the seed.

Why: a mean across seeds must not mix two models, sizes, learning rates or machines. A group's name says only what
it must: the model, and beyond that what tells it from another group of the same model on the same task.

Known weakness: commit and torch's version are not part of what must be equal, so that a set of runs can be
completed after a commit; the report lists every commit it was made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis.appearance import order
from analysis.experiments.goals import below_baseline
from analysis.experiments.logs import Logs
from analysis.experiments.schema import DIVERGED, FINISHED, SOLVED, TASK_LABELS
from analysis.experiments.seeds import Across, Floats, across
from analysis.results.registry import Registry

PLACE = ["task", "length", "steps"]
SETTING = {
    "hidden_size": "n = {}",
    "backend": "{}",
    "batch": "B = {}",
    "optimiser": "{}",
    "learning_rate": "learning rate {:g}",
    "slow_rate": "recurrent step at {:g} of it",
    "decay": "decay {:g}",
    "momentum": "momentum {:g}",
    "clip": "clip {:g}",
    "max_iterations": "{} iterations",
    "goal": "goal: {}",
    "device": "{}",
    "dtype": "{}",
    "threads": "{} threads",
    "machine": "{}",
    "cpu": "{}",
}


@dataclass(frozen=True)
class Place:
    """A task at one length."""

    task: str
    length: int
    steps: int

    @property
    def label(self) -> str:
        """For people: the task, and its T where the task has any."""
        name = TASK_LABELS.get(self.task, self.task)
        return f"{name}, T = {self.length}" if self.task in ("copying", "adding") else name


@dataclass(frozen=True)
class Group:
    """The runs of one model under one setting at one place, a row each, and their evaluations.

    `variant` tells groups of one model at one place apart; `label` is for people.
    """

    place: Place
    model: str
    variant: str
    label: str
    runs: pd.DataFrame
    evaluations: pd.DataFrame

    @cached_property
    def members(self) -> pd.DataFrame:
        """The runs that statistics are made of: those that came to an end, or all where none did yet."""
        ended = self.runs[_ended(self.runs)]
        return self.runs if ended.empty else ended

    @property
    def ended(self) -> bool:
        """Whether any run came to an end, so that something can be said of the result."""
        return bool(_ended(self.members).any())

    @property
    def seeds(self) -> int:
        """How many seeds the statistics are made of."""
        return len(self.members)

    @property
    def solved(self) -> int:
        """How many members met their task's goal."""
        return int(self.members["solved_iteration"].notna().sum())

    @property
    def below_baseline(self) -> int:
        """How many members ended below the baseline, beyond the margin."""
        pairs = zip(self.members["loss"], self.members["baseline"], strict=True)
        return sum(below_baseline(loss, baseline) for loss, baseline in pairs)

    @property
    def goal(self) -> str | None:
        """What counts as solved, in words; None where the runs do not say."""
        goal = self.fact("goal")
        return None if pd.isna(goal) else str(goal)

    @property
    def size(self) -> str:
        """Model and hidden size, for people."""
        label, n = self.fact("label"), self.fact("hidden_size")
        return f"{label}, n = {n}" if label.endswith(")") else f"{label}-{n}"

    def fact(self, column: str) -> Any:
        """The value of a column that all runs share."""
        return self.runs[column].iloc[0]

    def across(
        self, column: str, logarithmic: bool = False, least: float = -np.inf, most: float = np.inf
    ) -> Across | None:
        """Mean and interval of a column over the members; None where a member has no value."""
        values = self.members[column].astype("float64")
        return None if values.isna().any() else across(list(values), logarithmic, least, most)

    def track(self, run: str, axis: str, quantity: str) -> tuple[Floats, Floats]:
        """One run's evaluations as (axis, quantity), NaN left out."""
        mine = self.evaluations[self.evaluations["run"] == run].dropna(subset=[quantity])
        return mine[axis].to_numpy(dtype=np.float64), mine[quantity].to_numpy(dtype=np.float64)


def _ended(runs: pd.DataFrame) -> pd.Series:
    """Which runs came to an end; one that solved its task did, whatever stopped it afterwards."""
    return runs["outcome"].isin([SOLVED, FINISHED, DIVERGED]) | runs["solved_iteration"].notna()


def groups(logs: Logs) -> list[Group]:
    """Logs -> groups, ordered by task, length and the order of models in legends."""
    runs = _named(logs.runs)
    evaluations = dict(list(logs.evaluations.groupby("run")))
    nothing = logs.evaluations.iloc[:0]
    found = []
    for key, part in runs.groupby([*PLACE, "model", "variant", "series"], sort=False):
        task, length, steps, *names = key
        kept = part.drop_duplicates("seed", keep="last").sort_values("seed")
        own = pd.concat([evaluations.get(run, nothing) for run in kept["run"]])
        found.append(Group(Place(str(task), int(length), int(steps)), *map(str, names), kept, own))
    tasks, models = list(TASK_LABELS), order(list(runs["model"]))

    def position(group: Group) -> tuple[object, ...]:
        task = tasks.index(group.place.task) if group.place.task in tasks else len(tasks)
        return (task, group.place.task, group.place.length, models.index(group.model), group.variant)

    return sorted(found, key=position)


def repeated(logs: Logs) -> list[str]:
    """One sentence for each run that another one, started later, repeats with its setting and seed."""
    runs = _named(logs.runs)
    again = runs[runs.duplicated([*PLACE, "model", "variant", "seed"], keep="last")]
    return [
        f"{row.run}: left out, because a later run has the same setting and seed {row.seed}."
        for row in again.itertuples()
    ]


def places(found: Iterable[Group]) -> dict[Place, list[Group]]:
    """Groups by place, in their order."""
    by_place: dict[Place, list[Group]] = {}
    for group in found:
        by_place.setdefault(group.place, []).append(group)
    return by_place


def cells(found: Sequence[Group]) -> pd.DataFrame:
    """One row a series with columns model, backend (here the variant) and series, as drawing reads it."""
    rows = dict.fromkeys((group.model, group.variant, group.label) for group in found)
    return pd.DataFrame(list(rows), columns=["model", "backend", "series"])


def _named(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs, the latest last, with names made of the settings in which a model's runs differ at some place."""
    runs = runs.sort_values(["started_at", "run"])
    differing = {model: _differing(part) for model, part in runs.groupby("model")}
    variants, series = [], []
    for _, row in runs.iterrows():
        words = [_word(name, row[name]) for name in differing[row["model"]]]
        variants.append(re.sub(r"[^A-Za-z0-9.]+", "_", " ".join(words)) if words else "any")
        series.append(f"{row['label']} ({', '.join(words)})" if words else row["label"])
    return runs.assign(variant=variants, series=series)


def _differing(runs: pd.DataFrame) -> list[str]:
    counts = runs.groupby(PLACE)[list(SETTING)].nunique(dropna=False).max()
    return [name for name in SETTING if counts[name] > 1]


def _word(name: str, value: object) -> str:
    if pd.isna(value):
        return f"no {name}"
    return SETTING[name].format(Registry().way("urnn", value)["backend_label"] if name == "backend" else value)
