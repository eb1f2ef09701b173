"""What the paper says (Arjovsky, Shah and Bengio 2015, arXiv 1511.06464), and whether it was so here.

`claims.csv` has each statement in our words, its place in the paper, its test in words, because the paper's
'solves' has no number, and which of `CHECKS` that is: of a model on a task, at a length where one is given,
against `than`, a number or another model. What did not happen until a run was stopped may happen later: such a
statement is not decided, by the rule of `verdicts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import units
from analysis.experiments.schema import NORMS
from analysis.experiments.study import Study
from analysis.experiments.verdicts import reason
from analysis.pages.statements import AGREE, DIFFER, NOT_DECIDED, NOT_RUN, Judged
from analysis.vocabulary import counted

SOLVED, BELOW = "solved", "below the baseline"
NAMES = {"urnn": "uRNN", "lstm": "LSTM"}
STILL = ", stopped while it was improving"
LEAST_SAID = 1e-12
RECALL = 10  # the last steps of copying

Claim = Any  # a row of `claims.csv`
Found = tuple[str, str] | None  # the verdict, and what was measured; None where it was not run


def claims(study: Study) -> pd.DataFrame:
    """Every statement that the suite can test, in the order of the paper's experiments, with columns verdict and
    measured; `study` is that of the runs that decide, with the paper's settings."""
    said = pd.read_csv(Path(__file__).with_suffix(".csv"), dtype=str, keep_default_na=False)
    found: list[Found] = [CHECKS[claim.check](study, claim) for claim in said.itertuples()]
    verdicts = [NOT_RUN if one is None else one[0] for one in found]
    return said.assign(verdict=verdicts, measured=["" if one is None else one[1] for one in found])


def judged(claims: pd.DataFrame) -> list[Judged]:
    """The same as the page's table has them."""
    return [Judged._make(row) for row in claims[list(Judged._fields)].itertuples(index=False)]


def accuracy(group: Any) -> str:
    """A group's score: '95.2 % (95 % interval 94.1 to 96.3, 3 seeds)'; 'not measured' where a member has none."""
    found = group.score
    if found is None:
        return units.NOT_MEASURED
    interval = f"95 % interval {100 * found.low:.1f} to {100 * found.high:.1f}, " if group.seeds > 1 else ""
    return f"{100 * found.value:.1f} % ({interval}{counted(group.seeds, 'seed')})"


def _group(study: Study, claim: Claim, model: str) -> Any:
    """The group that speaks for a model; None without one."""
    found = study.speaking[(study.speaking["task"] == claim.task) & (study.speaking["model"] == model)]
    found = found[found["length"] == int(claim.length)] if claim.length else found
    return next(found.itertuples(), None)


def _verdict(agrees: bool, decided: bool = True) -> str:
    return (AGREE if agrees else DIFFER) if decided else NOT_DECIDED


def _members(study: Study, group: Any) -> pd.DataFrame:
    return study.runs[(study.runs["group"] == group.group) & study.runs["member"]]


def _seeds(study: Study, claim: Claim, what: str, every: bool) -> Found:
    """Whether every seed, or none, solved the task or ended below the baseline.

    One seed that did decides on 'none' and, if it was given its time, one that did not on 'every'.
    """
    if (group := _group(study, claim, claim.model)) is None:
        return None
    members = _members(study, group)
    did = members["met" if what == SOLVED else "below"]
    agrees = bool(did.all() if every else not did.any())
    when = f"within {group.iterations:,} iterations"
    if what == SOLVED and every and agrees:
        when = f"after {members['solved_iteration'].max():,} iterations at most"
    did_not = members.loc[~did, "decided"]
    decided = agrees or bool(did_not.any()) if every else not agrees or bool(did_not.all())
    why = "" if decided else f"; {reason(group.rest, group.share)}"
    measured = f"{group.size}: {what} in {int(did.sum())} of {counted(group.seeds, 'seed')}, {when}{why}"
    return _verdict(agrees, decided), measured


def _reaches(study: Study, claim: Claim) -> Found:
    group = _group(study, claim, claim.model)
    if group is None or group.score is None:
        return None
    agrees = max(group.score.value, group.score.high) >= float(claim.than)
    improving = not agrees and _stopped(study, group)
    return _verdict(agrees, not improving), f"{group.size}: {accuracy(group)}{STILL * improving}"


def _ahead(study: Study, claim: Claim) -> Found:
    groups = [_group(study, claim, model) for model in (claim.model, claim.than)]
    if any(group is None or group.score is None for group in groups):
        return None
    better, worse = groups
    agrees = better.score.value > worse.score.value
    improving = {group.group: _stopped(study, group) for group in groups}
    decided = not improving[(worse if agrees else better).group]
    measured = "; ".join(f"{one.size}: {accuracy(one)}{STILL * improving[one.group]}" for one in groups)
    return _verdict(agrees, decided), measured


def _stopped(study: Study, group: Any) -> bool:
    """Whether one of its runs was stopped while it was getting better."""
    return bool(_members(study, group)["improving"].any())


def profile(looks: pd.DataFrame, least: float) -> pd.DataFrame:
    """Looks inside at one iteration -> geometric means over the seeds, a row a time step, cut to `least`."""
    logs = np.log(looks[list(NORMS)].astype(float).clip(lower=least))
    return np.exp(logs.groupby(looks["t"].astype(int)).mean())


def inside(study: Study, task: str, model: str, measure: Callable[[pd.DataFrame], float]) -> float | None:
    """A measure of the latest look into a model on a task, after the start of training; None without one."""
    looks = study.looks
    mine = looks[(looks["task"] == task) & (looks["model"] == model) & (looks["iteration"] > 0)]
    if mine.empty:
        return None
    mine = mine[mine["group"] == mine["group"].min()]
    return measure(profile(mine[mine["iteration"] == mine["iteration"].max()], np.finfo(float).tiny))


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
    return float(np.median(late["state_change"] / late["state_norm"]))


def _larger(study: Study, claim: Claim, measure: Callable[[pd.DataFrame], float], words: str) -> Found:
    found = {model: inside(study, claim.task, model, measure) for model in NAMES}
    if None in found.values():
        return None
    measured = ", ".join(f"{NAMES[model]} {_faint(value)}" for model, value in found.items())
    return _verdict(found[claim.model] > found[claim.than]), f"{words}: {measured}"


def _saturated(study: Study, claim: Claim) -> Found:
    moved = inside(study, claim.task, claim.model, wandering)
    if moved is None:
        return None
    return _verdict(moved < float(claim.than)), f"{NAMES[claim.model]}: {_faint(moved)} of its norm a step"


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
