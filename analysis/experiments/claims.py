"""What the paper says (Arjovsky, Shah and Bengio 2015, arXiv 1511.06464), and what was measured here.

A reproduction is a list of statements with an answer each, and the answer may be no. `claims.csv` has every
statement with its source in the paper and a test that is written out, because the paper's 'solves' and 'does well'
have no numbers. What did not happen within our iterations may happen later; the answer names the iterations.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import units
from analysis.experiments.schema import NORMS
from analysis.experiments.study import Group, Study
from analysis.vocabulary import counted

AGREE, DIFFER, NOT_RUN = "agree", "differ", "not run"
SOLVED, BELOW = "solved", "below the baseline"
NAMES = {"urnn": "uRNN", "lstm": "LSTM"}
LEAST_SAID = 1e-12
RECALL = 10  # the last steps of copying


@dataclass(frozen=True)
class Answer:
    """The verdict and what was measured, in words."""

    verdict: str
    measured: str


@dataclass(frozen=True)
class Claim:
    """One statement in our words, where the paper makes it, how it is tested, and one of `CHECKS`.

    The check is of a model on a task, at a length where that is given, against `than`: a number or another model.
    """

    says: str
    source: str
    test: str
    check: str
    task: str
    length: str
    model: str
    than: str

    def answer(self, study: Study) -> Answer:
        """What these runs say to it."""
        found = CHECKS[self.check](study, self)
        return Answer(NOT_RUN, "") if found is None else Answer(AGREE if found[0] else DIFFER, found[1])

    def group(self, study: Study, model: str = "") -> Group | None:
        """The group that speaks for a model: it has ended runs, most seeds, and of equals the most iterations."""
        wanted = (self.task, model or self.model)
        found = [g for g in study.groups if g.ended and (g.place.task, g.model) == wanted]
        found = [g for g in found if self.length in ("", str(g.place.length))]
        return max(found, key=lambda group: group.rank, default=None)


Found = tuple[bool, str] | None  # whether it agrees, and what was measured; None where it was not run


def claims() -> list[Claim]:
    """Every statement that the suite can test, in the order of the paper's experiments."""
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return [Claim(**row) for row in csv.DictReader(file)]


def tally(answers: Sequence[Answer]) -> dict[str, int]:
    """How many statements have each verdict."""
    return {verdict: sum(answer.verdict == verdict for answer in answers) for verdict in (AGREE, DIFFER, NOT_RUN)}


def accuracy(group: Group) -> str:
    """A group's score: '95.2 % (95 % interval 94.1 to 96.3, 3 seeds)'; 'not measured' where a member has none."""
    found = group.score
    if found is None:
        return units.NOT_MEASURED
    interval = f"95 % interval {100 * found.low:.1f} to {100 * found.high:.1f}, " if found.seeds > 1 else ""
    return f"{100 * found.mean:.1f} % ({interval}{counted(found.seeds, 'seed')})"


def _seeds(study: Study, claim: Claim, what: str, every: bool) -> Found:
    """Whether every seed, or none, solved the task or ended below the baseline."""
    if (group := claim.group(study)) is None:
        return None
    number = group.solved if what == SOLVED else group.below_baseline
    agrees = number == (group.seeds if every else 0)
    when = f"within {group.iterations:,} iterations"
    if what == SOLVED and every and agrees:
        when = f"after {int(group.members['solved_iteration'].max()):,} iterations at most"
    return agrees, f"{group.size}: {what} in {number} of {counted(group.seeds, 'seed')}, {when}"


def _reaches(study: Study, claim: Claim) -> Found:
    group = claim.group(study)
    if not (group and group.score):
        return None
    wanted = float(claim.than)
    return bool(group.score.mean >= wanted or group.score.high >= wanted), f"{group.size}: {accuracy(group)}"


def _ahead(study: Study, claim: Claim) -> Found:
    better, worse = claim.group(study), claim.group(study, claim.than)
    if not (better and worse and better.score and worse.score):
        return None
    words = "; ".join(f"{group.size}: {accuracy(group)}" for group in (better, worse))
    return bool(better.score.mean > worse.score.mean), words


def inside(study: Study, task: str, model: str, measure: Callable[[pd.DataFrame], float]) -> float | None:
    """A measure of the latest look into a model on a task, after the start of training; None without one.

    It is taken of geometric means over the seeds, a row a time step.
    """
    for group in (group for place, found in study.looked_into.items() if place.task == task for group in found):
        look = study.anatomy_of(group)
        last = look["iteration"].max()
        if group.model == model and last > 0:
            logs = np.log(look[list(NORMS)].clip(lower=np.finfo(float).tiny))
            means = logs[look["iteration"] == last].groupby(look["t"].astype(int)).mean()
            return measure(np.exp(means).astype(np.float64))
    return None


def decay(profile: pd.DataFrame) -> float:
    """Median |dC/dh_t| in the first tenth of the steps over that in the last; 1 is no fading at all.

    It is meant for adding, whose cost is that of the last step alone, so that every gradient has come all the way.
    """
    gradient = profile["gradient_norm"].to_numpy()
    tenth = max(len(gradient) // 10, 1)
    return float(np.median(gradient[:tenth]) / np.median(gradient[-tenth:]))


def unevenness(profile: pd.DataFrame) -> float:
    """Standard deviation of |h_t| over t, over its mean."""
    norm = profile["state_norm"].to_numpy()
    return float(norm.std() / norm.mean())


def wandering(profile: pd.DataFrame) -> float:
    """Median of |h_t - h_{t-1}| / |h_t| over the second half of the steps before recall.

    It is meant for copying, whose input does not change during the wait: on adding every number moves any state.
    """
    end = len(profile) - RECALL
    late = profile.iloc[end // 2 : end]
    return float(np.median((late["state_change"] / late["state_norm"]).to_numpy()))


def _larger(study: Study, claim: Claim, measure: Callable[[pd.DataFrame], float], words: str) -> Found:
    found = {model: inside(study, claim.task, model, measure) for model in NAMES}
    if None in found.values():
        return None
    measured = ", ".join(f"{NAMES[model]} {_faint(value)}" for model, value in found.items())
    return found[claim.model] > found[claim.than], f"{words}: {measured}"


def _saturated(study: Study, claim: Claim) -> Found:
    moved = inside(study, claim.task, claim.model, wandering)
    words = f"{NAMES[claim.model]}: {_faint(moved)} of its norm a step" if moved is not None else ""
    return None if moved is None else (moved < float(claim.than), words)


def _faint(value: float) -> str:
    """Two digits of a number that may be as good as nothing."""
    return f"below {LEAST_SAID:g}" if value < LEAST_SAID else f"{value:.2g}"


CHECKS: Mapping[str, Callable[[Study, Claim], Found]] = {
    "every seed solved": partial(_seeds, what=SOLVED, every=True),
    "no seed solved": partial(_seeds, what=SOLVED, every=False),
    "every seed below the baseline": partial(_seeds, what=BELOW, every=True),
    "no seed below the baseline": partial(_seeds, what=BELOW, every=False),
    "reaches": _reaches,
    "ahead": _ahead,
    "gradients fade less": partial(_larger, measure=decay, words="first over last tenth"),
    "norm is less even": partial(_larger, measure=unevenness, words="deviation over mean"),
    "saturated": _saturated,
}
