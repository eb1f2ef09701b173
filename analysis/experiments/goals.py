"""When a run counts as solved: what its log says. Nothing here decides it again.

A goal is a list of bounds that hold together, each a mapping as `_BOUND` has it. Logs from before they carried a
goal are judged by the goals of that time, `BEFORE`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis import units
from analysis.documents import FLAG, TEXT, ListOf, Record, check, one_of, real

NOT_RECORDED = "goal not recorded"
HIGHER, LOWER = "higher", "lower"

Bound = Mapping[str, Any]

# `scored` is the column of an evaluation, `name` and `unit` are for people, and `baseline_share` is the threshold
# over the baseline's loss, where the bound is defined by that.
_BOUND = Record(
    {
        "scored": one_of("loss", "score"),
        "name": TEXT,
        "unit": TEXT,
        "threshold": real(),
        "better": one_of(HIGHER, LOWER),
    },
    optional={"baseline_share": real(0.0)},
)
_GOAL = Record({"bounds": ListOf(_BOUND, least=1)}, optional={"ends_training": FLAG})

# The goals that runs were judged by until their logs carried one; "share" is of the baseline's loss.
BEFORE: Mapping[str, Mapping[str, float]] = {
    "copying": {"score": 0.99, "share": 0.1},
    "adding": {"loss": 0.01},
    "digits": {"score": 0.95},
    "permuted_digits": {"score": 0.93},
    "mnist": {"score": 0.95},
    "permuted_mnist": {"score": 0.91},
}
ENDED_BEFORE = ("copying", "adding")  # the tasks that a run ended with, as soon as it had met their goal


def of(header: Mapping[str, Any], place: str) -> Sequence[Bound]:
    """The goal in the first line of a log. Raises AnalysisError, beginning with `place`, where it is damaged."""
    if "goal" not in header:
        return before(header)
    check(header["goal"], _GOAL, place, ("goal",))
    return header["goal"]["bounds"]


def ends_training(header: Mapping[str, Any]) -> bool | None:
    """Whether a run ends as soon as it meets its goal, by the first line of its log; None without a goal."""
    if "goal" not in header:
        return ended_before(header["task"])
    return bool(header["goal"].get("ends_training", False))


def ended_before(task: str) -> bool | None:
    """The same of a task whose runs carry no goal."""
    return task in ENDED_BEFORE if task in BEFORE else None


def before(run: Mapping[str, Any]) -> Sequence[Bound]:
    """The goal of a run whose log carries none; empty for a task that had none.

    `run` has task, baseline, loss_name and score_name.
    """
    name, _, unit = run["loss_name"].partition(" (")
    loss = {"scored": "loss", "name": name, "unit": unit.rstrip(")") or "1", "better": LOWER}
    score = {"scored": "score", "name": run["score_name"], "unit": "1", "better": HIGHER}
    bounds = {
        "score": lambda least: score | {"threshold": least},
        "loss": lambda most: loss | {"threshold": most},
        "share": lambda share: loss | {"threshold": share * run["baseline"], "baseline_share": share},
    }
    return [bounds[kind](value) for kind, value in BEFORE.get(run["task"], {}).items()]


def words(goal: Sequence[Bound]) -> str | None:
    """'recall accuracy of at least 99 % and ...'; None for a goal that is not recorded."""
    return " and ".join(map(_words, goal)) or None


def _words(bound: Bound) -> str:
    threshold, unit, share = bound["threshold"], bound["unit"], bound.get("baseline_share")
    amount = f"{threshold:g}" if unit == "1" else f"{threshold:g} {unit}"
    if share is not None:
        amount = f"{units.per_cent(share)} of the baseline's"
    elif bound["scored"] == "score" and unit == "1":
        amount = f"{100 * threshold:.4g} %"
    return f"{bound['name']} of at {'least' if bound['better'] == HIGHER else 'most'} {amount}"


def met(goal: Sequence[Bound], evaluation: Mapping[str, Any]) -> bool:
    """Whether an evaluation, with `loss` and `score`, reaches every threshold; NaN does not."""
    pairs = [(evaluation[bound["scored"]], bound) for bound in goal]
    return all(
        value >= bound["threshold"] if bound["better"] == HIGHER else value <= bound["threshold"]
        for value, bound in pairs
    )
