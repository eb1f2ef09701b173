"""What may be said of a run that has not solved its task: the one rule against verdicts from a cut-off.

It has not solved it where it ended on a plateau, and had at least ten times the seconds in which the fastest model
of that task and length solved it. Any other run without its goal is not finished, and `share` says how much of the
ten times it had. Seconds are held against each other only where they were taken alike: `CONDITIONS`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis import units
from analysis.experiments.schema import DIVERGED, FINISHED

TIMES = 10
LESS = 0.99  # the largest share below one, in two digits
IMPROVED, LATER_SHARE = 0.02, 1 / 3  # as `urnn.training.improvement` has them, which a test holds together

PLACE = ["task", "length", "steps"]
CONDITIONS = ["goal", "data", "clock", "threads", "device", "dtype", "machine", "cpu"]

SOLVED, PARTLY, NOT_SOLVED, NOT_FINISHED = "solved", "solved in part", "not solved", "not finished"
NOT_ENDED = "not ended"


def still_improving(evaluations: pd.DataFrame, iterations: int) -> bool:
    """Whether the last third of so many iterations lowered the best validation loss by more than 2 %.

    Logs from before there was the outcome "not finished" call such a run finished, and the trainer's rule for it
    is applied to them here. Where nothing was evaluated before that third, it counts as improving.
    """
    later = evaluations["iteration"] > (1 - LATER_SHARE) * iterations
    before, after = evaluations.loc[~later, "loss"].min(), evaluations.loc[later, "loss"].min()
    return bool(np.isnan(before) or after < (1 - IMPROVED) * before)


def judged(runs: pd.DataFrame) -> pd.DataFrame:
    """Every run -> columns improving, share and decided, on the same index.

    `runs` has `PLACE`, `CONDITIONS`, group, outcome, seconds, solved_seconds, met and improving: whether the run's
    evaluations were still getting better. `share` is its seconds over ten times the fastest model's, which has the
    median over its seeds, with those that did not solve the task as infinity; NaN where no model has solved it.
    `decided` is whether it has solved the task, or has not by the rule above.
    """
    alike = [runs[name] for name in (*PLACE, *CONDITIONS)]
    solved = runs["solved_seconds"].astype(float).where(runs["met"], np.inf)
    median = solved.groupby(runs["group"]).transform("median")
    fastest = median.groupby(alike, dropna=False).transform("min").replace(np.inf, np.nan)
    improving = ~runs["met"] & (runs["improving"] | ~runs["outcome"].isin([FINISHED, DIVERGED]))
    share = runs["seconds"].astype(float) / (TIMES * fastest)
    decided = runs["met"] | ((runs["outcome"] == FINISHED) & ~improving & (share >= 1))
    return pd.DataFrame({"improving": improving, "share": share, "decided": decided})


def verdicts(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with the columns of `judged` -> a row a group: its `word`, and the least `share` of an unsolved member.

    `runs` has ended and member besides; the members of a group decide. `rest` is the word for those that did not
    solve it where others did.
    """
    members = runs[runs["member"]]
    rows = {group: _verdict(of_group) for group, of_group in members.groupby("group")}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["word", "rest", "share"])


def _verdict(members: pd.DataFrame) -> tuple[str, str, float]:
    rest = members[~members["met"]]
    if not members["ended"].any():
        return NOT_ENDED, "", np.nan
    if rest.empty:
        return SOLVED, "", np.nan
    diverged = rest["outcome"] == DIVERGED
    word, deciding = NOT_FINISHED, rest[~rest["decided"] & ~diverged]
    if deciding.empty:
        word, deciding = (DIVERGED if diverged.any() else NOT_SOLVED), rest
    return word if len(rest) == len(members) else PARTLY, word, deciding["share"].min()


def reason(word: str, share: float) -> str:
    """What an unsolved run had, in words: its share of ten times the seconds of the fastest model."""
    if word not in (NOT_SOLVED, NOT_FINISHED):
        return ""
    if np.isnan(share):
        return "no model has solved it"
    times = f"{units.significant(TIMES * share, 2)} times the fastest's seconds"
    if word == NOT_SOLVED:
        return f"after {times}"
    if share >= 1:
        return f"still improving after {times}"
    return f"after {units.per_cent(min(share, LESS))} of ten times the fastest's seconds"


def brief(word: str, share: float) -> str:
    """The same where the rule stands beside it."""
    said = reason(word, share).replace("of ten times the fastest's seconds", "of the ten times")
    return said.replace("the fastest's seconds", "the fastest")
