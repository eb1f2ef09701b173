"""Who is ahead where: of each model at each place of the fair comparison what it reached, and its mark.

A task that ends with its goal is compared by the seconds to solve it, any other by its score. Best is the best
mean of those that solved it with the largest share of their seeds; level is every other whose 95 % interval
overlaps the best one's, which with few seeds it does easily. Page, headlines and closing use the same words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.experiments.best import one_each, over_solved
from analysis.experiments.schema import DIVERGED
from analysis.experiments.study import Study
from analysis.experiments.verdicts import NOT_ENDED, NOT_FINISHED, PARTLY, PLACE
from analysis.statistics import Estimate

BEST, LEVEL, BEHIND, ALONE = "best", "level", "behind", "alone"
LEADING = (BEST, LEVEL)
COMPARED = (BEST, LEVEL, BEHIND, ALONE)

Estimates = Sequence[Estimate | None]


def marks(estimates: Estimates, lower_is_better: bool) -> list[str]:
    """BEST, LEVEL or BEHIND for each; ALONE where there is no other, and nothing for None.

    A mean without an interval, that of one seed, is its own interval.
    """
    sign = 1 if lower_is_better else -1
    ends = [None if one is None else sorted(sign * end for end in _ends(one)) for one in estimates]
    known = {number: sign * one.value for number, one in enumerate(estimates) if one is not None}
    if len(known) < 2:
        return [ALONE if number in known else "" for number in range(len(estimates))]
    best = min(known, key=lambda number: known[number])
    return [
        "" if end is None else BEST if number == best else LEVEL if end[0] <= ends[best][1] else BEHIND
        for number, end in enumerate(ends)
    ]


def _ends(one: Estimate) -> tuple[float, float]:
    return (one.value, one.value) if np.isnan(one.low) else (one.low, one.high)


def standing(study: Study) -> pd.DataFrame:
    """A row a place and model of the comparison, in the order of tasks and legends.

    Each is the group that speaks for the model there: of those that ended with most seeds the best. Beside a
    group's columns it has by_seconds, whether the task ends with its goal; seconds and solving, the Estimates of
    seconds and iterations over the seeds that solved it, or None; mark, one of those above or the verdict; and
    times, the seconds over the best one's.
    """
    groups = study.fair.groups
    members = study.fair.runs[study.fair.runs["member"]]
    found = groups.assign(
        by_seconds=groups["goal_ends"].fillna(False).astype(bool),
        seconds=over_solved(groups, members, "solved_seconds"),
        solving=over_solved(groups, members, "solved_iteration"),
        improving=members.groupby("group")["improving"].any(),
    )
    chosen = [_marked(one_each(rows)) for _, rows in found.groupby(PLACE, sort=False)]
    return pd.concat(chosen) if chosen else found.assign(mark="", times=np.nan)


def _marked(rows: pd.DataFrame) -> pd.DataFrame:
    named = _by_seconds(rows) if rows["by_seconds"].iloc[0] else _by_score(rows)
    found = [_word(mark, group) for mark, group in zip(named, rows.itertuples(), strict=True)]
    rows = rows.assign(mark=found)
    least = min(
        (one.seconds.value for one in rows.itertuples() if one.by_seconds and one.mark in LEADING), default=np.nan
    )
    return rows.assign(times=[one.value / least if one else np.nan for one in rows["seconds"]])


def _by_seconds(rows: pd.DataFrame) -> list[str]:
    """Among those that solved the task with the largest share of their seeds."""
    solved = rows["met"] / rows["seeds"]
    top = rows["ended"] & (solved == solved[rows["ended"]].max()) & (solved > 0)
    named = marks([one if is_top else None for one, is_top in zip(rows["seconds"], top, strict=True)], True)
    if rows["ended"].sum() > 1:  # the only one that solved it, among others that did not
        return [BEST if mark == ALONE else mark for mark in named]
    return named


def _by_score(rows: pd.DataFrame) -> list[str]:
    usable = rows["ended"] & (rows["word"] != DIVERGED)
    named = marks([one if use else None for one, use in zip(rows["score"], usable, strict=True)], False)
    # Who was stopped while it was getting better might have caught up.
    cut = [mark == BEHIND and improving for mark, improving in zip(named, rows["improving"], strict=True)]
    return [NOT_FINISHED if is_cut else mark for is_cut, mark in zip(cut, named, strict=True)]


def _word(mark: str, group: object) -> str:
    if mark:
        return mark
    if not group.ended:
        return NOT_ENDED
    return PARTLY if group.by_seconds and group.met else group.word
