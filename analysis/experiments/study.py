"""Groups of runs that differ in the seed alone: their means with Student's t interval, and what their steps cost.

A mean must not mix two models, sizes, learning rates or machines. Commit and torch's version may differ, so that a
set of runs can be completed after a commit; the report lists every commit it was made of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from analysis import units
from analysis.appearance import order
from analysis.experiments.best import best_of_tuned
from analysis.experiments.logs import Logs
from analysis.experiments.schema import (
    DIVERGED,
    FINISHED,
    LENGTH_SYMBOLS,
    NOT_FINISHED,
    PAPER_TASKS,
    PRESET,
    PROTOCOLS,
    SOLVED,
    TASK_LABELS,
    TUNED,
    seconds_of,
)
from analysis.experiments.verdicts import CONDITIONS, PLACE, judged, still_improving, verdicts
from analysis.results.registry import Registry
from analysis.statistics.seeds import estimate, share
from analysis.vocabulary import MEASURED, PEAK_ALLOCATED

# 'Beats the baseline' needs a margin, because a loss estimated on a finite batch wanders around it.
BASELINE_MARGIN = 0.9

FAIR, FROM_THE_PAPER = "fair", "from_the_paper"
SERIES = [*PLACE, "model", "tuned", "backend"]
# What runs of a group share, and how it is said where it tells two groups apart.
SETTING = {
    "hidden_size": "n = {}",
    "implementation": "{}",
    "batch": "B = {}",
    "optimiser": "{}",
    "learning_rate": "learning rate {:g}",
    "slow_rate": "recurrent step at {:g} of it",
    "decay": "decay {:g}",
    "momentum": "momentum {:g}",
    "clip": "clip {:g}",
    "clip_norm": "norm clipped to {:g}",
    "initial": "{} initialisation",
    "max_iterations": "{} iterations",
    "limit": "{:g} s at most",
    "protocol": "{}",
    "goal": "goal: {}",
    "data": "{}",
    "device": "{}",
    "dtype": "{}",
    "threads": "{} threads",
    "clock": "{}",
    "machine": "{}",
    "cpu": "{}",
}
NAMED = ["backend", "series", "size", "place"]
# Tasks whose steps the benchmark measures as they are; those of all others on pixels.
MEASURED_TASKS = ("copying", "adding")
# What a training step and the benchmark's measurement of the same step share, beside the steps and the task.
MATCHED = ["model", "hidden_size", "batch", "device", "dtype", "threads", "cpu"]


@dataclass(frozen=True)
class Study:
    """Logs, and the benchmark's tidy frame where there is one; of a part of the runs also which, and of what."""

    logs: Logs
    measurements: pd.DataFrame | None = None
    part: str | None = None
    whole: Study | None = None

    @cached_property
    def fair(self) -> Study:
        """The comparison's runs: where a place has tuned ones, those alone; the paper's settings where nothing is
        tuned; of several conditions those under which most models were trained; of a model's tuned settings at a
        place the best."""
        return self if self.part == FAIR else replace(self, part=FAIR, whole=self)

    @cached_property
    def from_the_paper(self) -> Study:
        """The runs of the paper's tasks with its settings."""
        return self if self.part == FROM_THE_PAPER else replace(self, part=FROM_THE_PAPER, whole=self)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The rows of `all_runs` that this study is of, named by what differs among them."""
        if not self.part or not self.whole:
            return self.all_runs
        rows = self.all_runs[self.all_runs[self.part]]
        if self.part == FAIR:
            groups = self.whole.groups[self.whole.groups["group"].isin(rows["group"])]
            rows = rows[rows["group"].isin(best_of_tuned(groups, rows[rows["member"]]))]
        return rows.assign(**_names(rows))

    @cached_property
    def all_runs(self) -> pd.DataFrame:
        """Every run that no later one repeats, in the order of groups and seeds, with columns beside its log's.

        Those are group, a number; place, size and series, for people; implementation, which is the log's
        backend, while backend tells groups of one model apart, as drawing has it; ended; met, whether it met the
        goal; below, whether it ended below the baseline; member, whether it is in the statistics; fair and
        from_the_paper, whether it is in those studies; aside, whether its conditions alone keep it out of the
        fair one; and those of `judged`.
        """
        if self.whole:
            return self.whole.all_runs
        tasks = [*TASK_LABELS, *sorted(set(self.logs.runs["task"]) - set(TASK_LABELS))]
        ranks = {"task": tasks, "model": order(self.logs.runs["model"])}
        runs = self.logs.runs
        ends = runs["goal_ends"].fillna(False).astype(bool)
        # Where the goal is the end, a run with a longer limit is a repetition of one that needed less.
        runs = runs.assign(tuned=(runs["protocol"] == TUNED).astype(bool), limit=runs["max_seconds"].mask(ends))
        runs = _named(runs).drop_duplicates([*SERIES, "seed"], keep="last")
        runs = runs.sort_values(
            [*SERIES, "seed"],
            key=lambda column: column.map(ranks[column.name].index) if column.name in ranks else column,
        )
        met, group = runs["solved_iteration"].notna(), runs.groupby(SERIES, sort=False).ngroup()
        # Whatever stopped it after it had met its goal.
        ended = runs["outcome"].isin([SOLVED, FINISHED, NOT_FINISHED, DIVERGED]) | met
        member = ended | ~ended.groupby(group).transform("any")  # those that ended, or all where none did yet
        below = (runs["loss"] < BASELINE_MARGIN * runs["baseline"]).fillna(False)
        runs = runs.assign(group=group, ended=ended, met=met, below=below, member=member)
        runs = runs.assign(improving=self._improving(runs))
        paper = {FROM_THE_PAPER: (runs["protocol"] == PRESET).astype(bool) & runs["task"].isin(PAPER_TASKS)}
        return runs.assign(**judged(runs), **_fair(runs.assign(**paper)), **paper)

    def _improving(self, runs: pd.DataFrame) -> list[bool]:
        evaluations = dict(iter(self.logs.evaluations.groupby("run")))
        nothing = self.logs.evaluations.iloc[:0]
        pairs = zip(runs["run"], runs["iterations"], strict=True)
        return [still_improving(evaluations.get(run, nothing), iterations) for run, iterations in pairs]

    @cached_property
    def groups(self) -> pd.DataFrame:
        """A row a group by task, length and the order of models in legends: what its runs share, and statistics.

        Those are of the members: whether they ended, how many they are (`seeds`), met the goal and ended below the
        baseline, the iterations of the longest, and Estimates, or None where a member has no value. The goal is
        empty where the runs do not say it. word, rest and share are the verdict.
        """
        if self.whole:  # a group is in a part as a whole
            named = self.runs.drop_duplicates("group").set_index("group")[NAMED]
            return self.whole.groups[self.whole.groups["group"].isin(self.runs["group"])].assign(**named)
        shared = self.runs.drop_duplicates("group").set_index("group", drop=False).rename_axis(None)
        members = self.runs[self.runs["member"]].groupby("group")
        logarithmic = ("loss", "solved_iteration", "solved_seconds", "iterations_per_second")
        return shared.assign(
            goal=shared["goal"].fillna(""),
            ended=members["ended"].any(),
            seeds=members.size(),
            met=members["met"].sum(),
            below=members["below"].sum(),
            iterations=members["iterations"].max(),
            score=members["score"].apply(share),
            **{name: members[name].apply(estimate, logarithmic=True) for name in logarithmic},
            **verdicts(self.runs),
        )

    @cached_property
    def speaking(self) -> pd.DataFrame:
        """Of each model at each place the group that speaks for it, the best first.

        It is one that ended, has most seeds, and of equals the most iterations.
        """
        ended = self.groups[self.groups["ended"]]
        best = ended.sort_values(["seeds", "max_iterations"], ascending=False, kind="stable")
        return best.drop_duplicates([*PLACE, "model"])

    @cached_property
    def repeated(self) -> list[str]:
        """One sentence for each run that another one, started later, repeats with its setting and seed."""
        again = self.logs.runs.drop(self.all_runs.index).sort_values(["started_at", "run"])
        because = "left out, because a later run has the same setting and seed"
        return [f"{row.run}: {because} {row.seed}." for row in again.itertuples()]

    def with_runs(self, table: pd.DataFrame) -> pd.DataFrame:
        """Evaluations or looks inside, each with its run's other columns, in the order of groups and seeds."""
        return self.runs.drop(columns=table.columns.drop("run"), errors="ignore").merge(table, on="run")

    @cached_property
    def looks(self) -> pd.DataFrame:
        """The looks inside the state at the fullest place of each task."""
        return fullest(self.with_runs(self.logs.anatomy))

    @cached_property
    def memory(self) -> pd.Series:
        """Each group's peak memory of a training step in bytes, where the benchmark measured that step.

        The median over the newest commit that did. Its sequences have the task's length and are of copying, of
        adding with an input one wide instead of two, or of pixels, with a read-out of the last step alone.
        """
        found, groups = pd.DataFrame(columns=["group", "value"]), self.groups
        if self.measurements is not None:
            task = groups["task"].where(groups["task"].isin(MEASURED_TASKS), "pixels")
            wanted = groups[["group", *MATCHED]].assign(
                backend=groups["implementation"], length=groups["steps"], task=task
            )
            # A harness that keeps no samples leaves three rows, of which the median alone is one to average.
            rows = self.measurements[self.measurements["statistic"].isin(["sample", "median"])]
            rows = rows.assign(measured_at=rows["measured_at"].fillna("")).dropna(subset=MATCHED)
            rows = rows[(rows["phase"] == "train") & (rows["num_layers"] == 1) & (rows["outcome"] == MEASURED)]
            found = wanted.merge(rows[rows["metric"] == PEAK_ALLOCATED], on=list(wanted.columns.drop("group")))
            newest = found.groupby("group")["measured_at"].transform("max")
            found = found[found["measured_at"] == newest]
        return found.groupby("group")["value"].median().reindex(groups.index).astype(float)


def _fair(runs: pd.DataFrame) -> dict[str, pd.Series]:
    """Which runs are compared with each other, and which are not for their conditions alone.

    With the paper's settings runs test its statements; as soon as others are tuned, they are in no comparison.
    """
    place = [runs[name] for name in PLACE]
    untuned = ~runs["tuned"].groupby(place).transform("any") & ~(runs[FROM_THE_PAPER] & runs["tuned"].any())
    kept = runs["tuned"] | untuned
    alike = runs.groupby([*PLACE, *CONDITIONS], dropna=False, sort=False).ngroup()
    models = runs["model"].where(kept).groupby(alike).transform("nunique")
    most = models.groupby(place).transform("max")
    first = alike.where(kept & (models == most)).groupby(place).transform("min")
    return {FAIR: kept & (alike == first), "aside": kept & (alike != first)}


def by_place(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each task and length, in their order."""
    return [part for _, part in rows.groupby(PLACE, sort=False)]


def fullest(rows: pd.DataFrame) -> pd.DataFrame:
    """For each task the rows of the place with most models, of equals the longest."""
    models = rows.groupby(PLACE)["model"].nunique().reset_index().sort_values(["model", "length"])
    return rows.merge(models.drop_duplicates("task", keep="last")[PLACE])


def place_name(task: str, length: int) -> str:
    """A task at a length, for people: "Adding, T = 200", "Parity"."""
    symbol, label = LENGTH_SYMBOLS.get(task), TASK_LABELS.get(task, task)
    return f"{label}, {symbol} = {units.steps(length)}" if symbol else label


def _named(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs, the latest last, with their names."""
    runs = runs.rename(columns={"backend": "implementation"}).sort_values(["started_at", "run"])
    return runs.join(_names(runs))


def _names(runs: pd.DataFrame) -> pd.DataFrame:
    """`NAMED` for each run, made of the settings in which a model's runs differ at some place."""
    counts = runs.groupby(["model", "tuned", *PLACE])[list(SETTING)].nunique(dropna=False).groupby("model").max()
    names = []
    for row in runs.to_dict("records"):
        words = [_word(name, row[name]) for name in SETTING if counts.loc[row["model"], name] > 1]
        label, n = row["label"], row["hidden_size"]
        names.append(
            {
                "backend": re.sub(r"[^A-Za-z0-9.]+", "_", " ".join(words)) if words else "any",
                "series": f"{label} ({', '.join(words)})" if words else label,
                "size": f"{label}, n = {n}" if label.endswith(")") else f"{label}-{n}",
                "place": place_name(row["task"], row["length"]),
            }
        )
    return pd.DataFrame(names, index=runs.index, columns=NAMED)


def _word(name: str, value: object) -> str:
    if pd.isna(value):
        return f"no {name}"
    known = {
        "implementation": lambda: Registry().way("urnn", value)["backend_label"],
        "protocol": lambda: PROTOCOLS[str(value)],
        "clock": lambda: seconds_of([str(value)]),
    }
    return SETTING[name].format(known[name]() if name in known else value)
