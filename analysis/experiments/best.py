"""Of a model's settings at one place the one that speaks for it: of those that ended with most seeds the best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.experiments.verdicts import PLACE
from analysis.statistics.seeds import estimate


def over_solved(groups: pd.DataFrame, members: pd.DataFrame, column: str) -> pd.Series:
    """For each group the Estimate, on the logarithm, over those of its members that met the goal, or None."""
    values = {group: rows[column] for group, rows in members[members["met"]].groupby("group")}
    found = {group: estimate(values[group], logarithmic=True) for group in groups.index if group in values}
    return pd.Series([found.get(group) for group in groups.index], groups.index, dtype=object)


def one_each(rows: pd.DataFrame) -> pd.DataFrame:
    """One group a model of a place's groups, which have by_seconds and, from `over_solved`, seconds."""
    order = [_merit(group) for group in rows.itertuples()]
    ranked = rows.iloc[sorted(range(len(rows)), key=lambda number: order[number])]
    return ranked.drop_duplicates("model").sort_index()


def best_of_tuned(groups: pd.DataFrame, members: pd.DataFrame) -> set[int]:
    """The numbers of the groups that stand for a model where it was tuned, and of all groups where it was not."""
    found = groups.assign(
        by_seconds=groups["goal_ends"].fillna(False).astype(bool),
        seconds=over_solved(groups, members, "solved_seconds"),
    )
    kept = [one_each(rows) if tuned else rows for (*_, tuned), rows in found.groupby([*PLACE, "tuned"])]
    return {int(group) for rows in kept for group in rows["group"]}


def _merit(group: Any) -> tuple[float, ...]:
    """Smaller for the group that speaks."""
    score = -group.score.value if group.score else np.inf
    seconds = group.seconds.value if group.by_seconds and group.seconds else np.inf
    solved = group.met / group.seeds if group.by_seconds else 0.0
    return (not group.ended, -group.seeds, -solved, seconds, score)
