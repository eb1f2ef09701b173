"""When a task counts as solved: bounds that an evaluation on validation data has to meet.

A run's log carries its goal, and every evaluation in it says whether it met the goal, so that whoever reads a log
needs no rule of its own. The paper says "solved" without a number; the numbers in `problems` are this project's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

Scored = Literal["loss", "score"]
Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Bound:
    """One quantity and the value it has to reach.

    Attributes:
        scored: the field of an evaluation that is compared, "loss" or "score".
        name: what the task calls it, for people.
        unit: the unit of `threshold`; "1" where it has none.
        threshold: the value to reach.
        better: "higher" where values from the threshold up meet the bound, "lower" where those down from it do.
        baseline_share: threshold over the baseline's loss, where the bound is defined by that, else None.

    Example:
        >>> from urnn.training.goals import Bound
        >>> Bound("score", "accuracy", "1", threshold=0.95, better="higher").met({"loss": 0.2, "score": 0.97})
        True
    """

    scored: Scored
    name: str
    unit: str
    threshold: float
    better: Better
    baseline_share: float | None = None

    def met(self, evaluation: Mapping[str, object]) -> bool:
        """Whether the evaluation reaches the threshold; a value that is missing or NaN does not."""
        value = evaluation.get(self.scored)
        if not isinstance(value, int | float):
            return False
        return value >= self.threshold if self.better == "higher" else value <= self.threshold


@dataclass(frozen=True)
class Goal:
    """Bounds that hold together, at least one; `ends_training` is whether a run stops where they do.

    Example:
        >>> from urnn.training.goals import Goal, least_score, most_loss
        >>> goal = Goal((least_score("accuracy", 0.9), most_loss("loss", 0.1)), ends_training=True)
        >>> evaluation = {"loss": 0.2, "score": 0.97}
        >>> goal.met(evaluation), goal.changed(most_loss("loss", 0.3)).met(evaluation)
        (False, True)
    """

    bounds: tuple[Bound, ...]
    ends_training: bool

    def met(self, evaluation: Mapping[str, object]) -> bool:
        """Whether an evaluation, with its fields as in the log, meets every bound."""
        return all(bound.met(evaluation) for bound in self.bounds)

    def changed(self, *bounds: Bound | None) -> Goal:
        """The same goal with these bounds in the place of its own on the same quantities; None changes nothing."""
        new = {bound.scored: bound for bound in bounds if bound is not None}
        own = {bound.scored: bound for bound in self.bounds}
        return Goal(tuple((own | new).values()), self.ends_training)

    def as_dict(self) -> dict[str, object]:
        """As the log has it: lists, strings, numbers, booleans and None."""
        return {"bounds": [asdict(bound) for bound in self.bounds], "ends_training": self.ends_training}


def least_score(name: str, threshold: float) -> Bound:
    """A bound on a score, a share from 0 to 1.

    Example:
        >>> from urnn.training.goals import least_score
        >>> least_score("accuracy", 0.95).better
        'higher'
    """
    return Bound("score", name, "1", threshold, "higher")


def most_loss(loss_name: str, threshold: float, baseline_share: float | None = None) -> Bound:
    """A bound on a loss, whose name may end with its unit: "cross-entropy (nats)".

    Example:
        >>> from urnn.training.goals import most_loss
        >>> bound = most_loss("cross-entropy (nats)", 0.02)
        >>> bound.name, bound.unit
        ('cross-entropy', 'nats')
    """
    name, _, unit = loss_name.partition(" (")
    return Bound("loss", name, unit.rstrip(")") or "1", threshold, "lower", baseline_share)
