"""When a run counts as solved, as its log says, and when a loss counts as below the baseline.

Why: the run knows its own goal. Its log carries the goal and says at each evaluation whether it was met; nothing
here decides it again. Logs from before they carried a goal are judged by the goals of that time, `BEFORE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis import units
from analysis.documents import FLAG, ListOf, Maybe, Real, Record, Text, check

# 'Beats the baseline' needs a margin, because a loss estimated on a finite batch wanders around it.
BASELINE_MARGIN = 0.9

NOT_RECORDED = "goal not recorded"
SCORED, HIGHER, LOWER = ("loss", "score"), "higher", "lower"

_BOUND = Record(
    {"scored": Text(SCORED), "name": Text(), "unit": Text(), "threshold": Real(), "better": Text((HIGHER, LOWER))},
    optional={"baseline_share": Maybe(Real(0.0))},
)
_GOAL = Record({"bounds": ListOf(_BOUND, least=1)}, optional={"ends_training": FLAG})


@dataclass(frozen=True)
class Bound:
    """What a loss or a score has to reach.

    `scored` is the column of an evaluation, `name` and `unit` are for people, `better` is "higher" or "lower", and
    `baseline_share` is the threshold over the baseline's loss, where the bound is defined by that.
    """

    scored: str
    name: str
    unit: str
    threshold: float
    better: str
    baseline_share: float | None = None

    @property
    def words(self) -> str:
        """'recall accuracy of at least 99 %'."""
        side = "at least" if self.better == HIGHER else "at most"
        if self.baseline_share is not None:
            return f"{self.name} of {side} {units.per_cent(self.baseline_share)} of the baseline's"
        if self.scored == "score" and self.unit == "1":
            return f"{self.name} of {side} {100 * self.threshold:.4g} %"
        return f"{self.name} of {side} {self.threshold:g}{'' if self.unit == '1' else f' {self.unit}'}"

    def met(self, evaluation: Mapping[str, Any]) -> bool:
        """Whether an evaluation reaches the threshold; NaN does not."""
        value = evaluation[self.scored]
        return bool(value >= self.threshold if self.better == HIGHER else value <= self.threshold)


@dataclass(frozen=True)
class Goal:
    """Bounds that hold together."""

    bounds: tuple[Bound, ...]

    @property
    def words(self) -> str:
        """All bounds in one phrase."""
        return " and ".join(bound.words for bound in self.bounds)

    def met(self, evaluation: Mapping[str, Any]) -> bool:
        """Whether an evaluation, with `loss` and `score`, meets every bound."""
        return all(bound.met(evaluation) for bound in self.bounds)


def recorded(entry: Mapping[str, Any], place: str) -> Goal | None:
    """The goal in the first line of a log; None in one from before logs carried it.

    Raises AnalysisError, beginning with `place`, where it is damaged.
    """
    if "goal" not in entry:
        return None
    check(entry["goal"], _GOAL, place, ("goal",))
    return Goal(tuple(_bound(bound) for bound in entry["goal"]["bounds"]))


def _bound(entry: Mapping[str, Any]) -> Bound:
    return Bound(
        entry["scored"],
        entry["name"],
        entry["unit"],
        entry["threshold"],
        entry["better"],
        entry.get("baseline_share"),
    )


# The goals that runs were judged by until their logs carried one: least score, most loss, most loss in baselines.
BEFORE: Mapping[str, tuple[float | None, float | None, float | None]] = {
    "copying": (0.99, None, 0.1),
    "adding": (None, 0.01, None),
    "digits": (0.95, None, None),
    "permuted_digits": (0.93, None, None),
    "mnist": (0.95, None, None),
    "permuted_mnist": (0.91, None, None),
}


def before(run: Mapping[str, Any]) -> Goal | None:
    """The goal of a run whose log carries none; None for a task that had none.

    `run` has task, baseline, loss_name and score_name.
    """
    if run["task"] not in BEFORE:
        return None
    score, loss, share = BEFORE[run["task"]]
    name, _, unit = run["loss_name"].partition(" (")
    unit = unit.rstrip(")") or "1"
    bounds = []
    if score is not None:
        bounds.append(Bound("score", run["score_name"], "1", score, HIGHER))
    if loss is not None:
        bounds.append(Bound("loss", name, unit, loss, LOWER))
    if share is not None:
        bounds.append(Bound("loss", name, unit, share * run["baseline"], LOWER, share))
    return Goal(tuple(bounds))


def below_baseline(loss: float, baseline: float) -> bool:
    """Whether a loss is below the baseline's beyond the margin; NaN is not."""
    return bool(np.isfinite(loss) and loss < BASELINE_MARGIN * baseline)
