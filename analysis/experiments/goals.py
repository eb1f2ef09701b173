"""When a run counts as solved: what its log says. Nothing here decides it again.

Logs from before they carried a goal are judged by the goals of that time, `BEFORE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from analysis import units
from analysis.documents import Flag, ListOf, Maybe, Real, Record, Text, check

NOT_RECORDED = "goal not recorded"
SCORED, HIGHER, LOWER = ("loss", "score"), "higher", "lower"

_BOUND = Record(
    {"scored": Text(SCORED), "name": Text(), "unit": Text(), "threshold": Real(), "better": Text((HIGHER, LOWER))},
    optional={"baseline_share": Maybe(Real(0.0))},
)
_GOAL = Record({"bounds": ListOf(_BOUND, least=1)}, optional={"ends_training": Flag()})


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
    names = [field.name for field in fields(Bound)]
    return Goal(tuple(Bound(*map(bound.get, names)) for bound in entry["goal"]["bounds"]))


# The goals that runs were judged by until their logs carried one; "share" is of the baseline's loss.
BEFORE: Mapping[str, Mapping[str, float]] = {
    "copying": {"score": 0.99, "share": 0.1},
    "adding": {"loss": 0.01},
    "digits": {"score": 0.95},
    "permuted_digits": {"score": 0.93},
    "mnist": {"score": 0.95},
    "permuted_mnist": {"score": 0.91},
}


def before(run: Mapping[str, Any]) -> Goal | None:
    """The goal of a run whose log carries none; None for a task that had none.

    `run` has task, baseline, loss_name and score_name.
    """
    name, _, unit = run["loss_name"].partition(" (")
    loss = ("loss", name, unit.rstrip(")") or "1")
    bounds = {
        "score": lambda least: Bound("score", run["score_name"], "1", least, HIGHER),
        "loss": lambda most: Bound(*loss, most, LOWER),
        "share": lambda share: Bound(*loss, share * run["baseline"], LOWER, share),
    }
    goal = BEFORE.get(run["task"])
    return Goal(tuple(bounds[kind](value) for kind, value in goal.items())) if goal else None
