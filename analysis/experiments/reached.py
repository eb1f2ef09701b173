"""The best validation score that a model had reached by a time: what is left of a curve at equal seconds.

The best so far, and not the score of that moment, because whoever trains keeps the best. A run that ended because
it met its goal keeps what it had; one that was stopped says nothing of later, and nor does its group's mean.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.experiments.schema import DIVERGED
from analysis.statistics.seeds import Floats, across


def reached(evaluations: pd.DataFrame, seconds: ArrayLike) -> pd.DataFrame:
    """A group's evaluations, with its runs' columns -> a row for each time, with columns value, low and high.

    NaN before every member was evaluated once, and after `last_seconds`. A diverged member counts as one with its
    goal: it keeps the best it had.
    """
    at = np.asarray(seconds, dtype=np.float64)
    members = [run.dropna(subset=["score"]) for _, run in evaluations[evaluations["member"]].groupby("run")]
    scores = np.stack([_best_so_far(run, at) for run in members] or [np.full(len(at), np.nan)])
    known = np.isfinite(scores).all(axis=0) & (at <= last_seconds(evaluations))
    return across(np.where(known, scores, np.nan)).set_index(at)


def _best_so_far(run: pd.DataFrame, at: Floats) -> Floats:
    best = np.concatenate([[np.nan], run["score"].astype(float).cummax()])
    return best[np.searchsorted(run["seconds"].to_numpy(dtype=np.float64), at, side="right")]


def last_seconds(evaluations: pd.DataFrame) -> float:
    """How long all members of a group were trained, those that ended for good left out; infinite without any."""
    members = evaluations[evaluations["member"]]
    stopped = members[~ended_for_good(members)]
    return float(stopped.groupby("run")["seconds"].max().min()) if len(stopped) else np.inf


def ended_for_good(runs: pd.DataFrame) -> pd.Series:
    """Which runs ended with their goal or diverged: they will not get any better."""
    with_goal = runs["met"] & runs["goal_ends"].fillna(False).astype(bool)
    return with_goal | (runs["outcome"] == DIVERGED)
