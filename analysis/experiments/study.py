"""What figures and sentences are made of: groups of runs that differ in the seed alone, and what their steps cost.

A mean across seeds must not mix two models, sizes, learning rates or machines. Commit and torch's version may
differ, so that a set of runs can be completed after a commit; the report lists every commit it was made of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis.appearance import order
from analysis.experiments.logs import Logs
from analysis.experiments.schema import DIVERGED, FINISHED, SOLVED, TASK_LABELS
from analysis.experiments.seeds import Across, Floats, across
from analysis.results.registry import Registry
from analysis.vocabulary import MEASURED, PEAK_ALLOCATED, STEP_TIME

# 'Beats the baseline' needs a margin, because a loss estimated on a finite batch wanders around it.
BASELINE_MARGIN = 0.9

PLACE = ["task", "length", "steps"]
# What runs of a group share, and how it is said where it tells two groups apart.
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
# What a training step and the benchmark's measurement of the same step share, beside the steps and the task.
BENCHMARK_TASKS = {task: task if task in ("copying", "adding") else "pixels" for task in TASK_LABELS}
MATCHED = ("model", "backend", "hidden_size", "batch", "device", "dtype", "threads", "cpu")


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


@dataclass(frozen=True, eq=False)
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
    def _ended(self) -> pd.Series:
        """Which runs came to an end; one that solved its task did, whatever stopped it afterwards."""
        return self.runs["outcome"].isin([SOLVED, FINISHED, DIVERGED]) | self.runs["solved_iteration"].notna()

    @cached_property
    def ended(self) -> bool:
        """Whether any run came to an end, so that something can be said of the result."""
        return bool(self._ended.any())

    @cached_property
    def members(self) -> pd.DataFrame:
        """The runs that statistics are made of: those that came to an end, or all where none did yet."""
        return self.runs[self._ended] if self.ended else self.runs

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
        return int((self.members["loss"] < BASELINE_MARGIN * self.members["baseline"]).sum())

    @property
    def iterations(self) -> int:
        """Iterations of the longest member."""
        return int(self.members["iterations"].max())

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

    @property
    def rank(self) -> tuple[int, int]:
        """By which one of several groups of a model speaks for it: most seeds, of equals the most iterations."""
        return self.seeds, int(self.fact("max_iterations"))

    def fact(self, column: str) -> Any:
        """The value of a column that all runs share."""
        return self.runs[column].iloc[0]

    def across(self, column: str, logarithmic: bool = False, **bounds: float) -> Across | None:
        """Mean and interval of a column over the members; None where a member has no value."""
        values = self.members[column].astype("float64")
        return None if values.isna().any() else across(values, logarithmic, **bounds)

    @property
    def score(self) -> Across | None:
        """Mean and interval of the score, which is a share."""
        return self.across("score", least=0.0, most=1.0)

    def track(self, run: str, axis: str, quantity: str) -> tuple[Floats, Floats]:
        """One run's evaluations as (axis, quantity), NaN left out."""
        mine = self.evaluations[self.evaluations["run"] == run].dropna(subset=[quantity])
        return mine[axis].to_numpy(dtype=np.float64), mine[quantity].to_numpy(dtype=np.float64)


@dataclass(frozen=True)
class Cost:
    """Seconds per time step of a training step, whether the benchmark measured them, and bytes or None."""

    step_time: float | None
    benchmarked: bool
    peak_memory: float | None


@dataclass(frozen=True)
class Study:
    """Logs, and the benchmark's tidy frame where there is one."""

    logs: Logs
    measurements: pd.DataFrame | None = None

    @cached_property
    def groups(self) -> list[Group]:
        """Groups by task, length and the order of models in legends."""
        found = []
        for key, part in _named(self.logs.runs).groupby([*PLACE, "model", "variant", "series"], sort=False):
            task, length, steps, *names = key
            kept = part.drop_duplicates("seed", keep="last").sort_values("seed")
            own = self.logs.evaluations[self.logs.evaluations["run"].isin(kept["run"])]
            found.append(Group(Place(str(task), int(length), int(steps)), *map(str, names), kept, own))
        tasks = [*TASK_LABELS, *sorted({group.place.task for group in found} - set(TASK_LABELS))]
        models = order([group.model for group in found])
        return sorted(
            found, key=lambda g: (tasks.index(g.place.task), g.place.length, models.index(g.model), g.variant)
        )

    @cached_property
    def repeated(self) -> list[str]:
        """One sentence for each run that another one, started later, repeats with its setting and seed."""
        runs = _named(self.logs.runs)
        again = runs[runs.duplicated([*PLACE, "model", "variant", "seed"], keep="last")]
        return [
            f"{row.run}: left out, because a later run has the same setting and seed {row.seed}."
            for row in again.itertuples()
        ]

    def anatomy_of(self, group: Group) -> pd.DataFrame:
        """The looks inside the state of one group's runs."""
        return self.logs.anatomy[self.logs.anatomy["run"].isin(group.runs["run"])]

    @cached_property
    def looked_into(self) -> dict[Place, list[Group]]:
        """The fullest places of the groups that were looked into."""
        return fullest_places([group for group in self.groups if len(self.anatomy_of(group))])

    def cost(self, group: Group) -> Cost:
        """What a training step costs: as the benchmark measured it, else by the runs' iterations a second.

        Iterations a second include drawing the data and, where runs share a machine, each other. The benchmark's
        inputs are those of copying or of pixels; for adding one wide instead of two.
        """
        time, memory = (self._measured(group, metric) for metric in (STEP_TIME, PEAK_ALLOCATED))
        if time is not None:
            return Cost(time, True, memory)
        speed = group.members["iterations_per_second"].dropna()
        return Cost(None if speed.empty else 1 / (float(speed.median()) * group.place.steps), False, memory)

    def _measured(self, group: Group, metric: str) -> float | None:
        """The median over all passes and rounds of the newest commit that measured this step; None without one."""
        if self.measurements is None:
            return None
        wanted = {name: group.fact(name) for name in MATCHED}
        wanted |= {"length": group.place.steps, "phase": "train", "num_layers": 1, "metric": metric}
        wanted |= {"task": BENCHMARK_TASKS.get(group.place.task), "outcome": MEASURED}
        here = self.measurements
        for name, value in wanted.items():
            here = here[here[name].eq(value).fillna(False).astype(bool)]
        # A harness that keeps no samples leaves three rows, of which the median alone is one to average.
        here = here[here["statistic"].isin(["sample", "median"])]
        if here["measured_at"].notna().any():
            here = here[here["measured_at"] == here["measured_at"].max()]
        return None if here.empty else float(here["value"].median())


def by_place(found: Sequence[Group]) -> dict[Place, list[Group]]:
    """Groups by task and length, in their order."""
    places: dict[Place, list[Group]] = {}
    for group in found:
        places.setdefault(group.place, []).append(group)
    return places


def fullest_places(found: Sequence[Group]) -> dict[Place, list[Group]]:
    """For each task the place with most models, of equals the longest, and its groups."""
    places = by_place(found)
    fullness = {place: (len({group.model for group in there}), place.length) for place, there in places.items()}
    best = [
        max((place for place in places if place.task == task), key=fullness.__getitem__)
        for task in dict.fromkeys(place.task for place in places)
    ]
    return {place: places[place] for place in best}


def cells(found: Sequence[Group]) -> pd.DataFrame:
    """One row a series with columns model, backend (here the variant) and series, as drawing reads it."""
    rows = dict.fromkeys((group.model, group.variant, group.label) for group in found)
    return pd.DataFrame(list(rows), columns=["model", "backend", "series"])


def _named(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs, the latest last, with names made of the settings in which a model's runs differ at some place."""
    runs = runs.sort_values(["started_at", "run"])
    counts = runs.groupby(["model", *PLACE])[list(SETTING)].nunique(dropna=False).groupby("model").max()
    variants, series = [], []
    for _, row in runs.iterrows():
        words = [_word(name, row[name]) for name in SETTING if counts.loc[row["model"], name] > 1]
        variants.append(re.sub(r"[^A-Za-z0-9.]+", "_", " ".join(words)) if words else "any")
        series.append(f"{row['label']} ({', '.join(words)})" if words else row["label"])
    return runs.assign(variant=variants, series=series)


def _word(name: str, value: object) -> str:
    if pd.isna(value):
        return f"no {name}"
    return SETTING[name].format(Registry().way("urnn", value)["backend_label"] if name == "backend" else value)
