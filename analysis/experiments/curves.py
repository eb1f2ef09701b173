"""Learning curves: the mean across a group's seeds over iterations or over wall-clock seconds.

Why: seeds that stop early because they solved their task must not vanish from the mean, or it would rise when the
best ones leave; they keep their last value to the end of the longest.

Known weakness: a diverged run has no value to keep; it is drawn by itself and is in no mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.experiments.groups import Group
from analysis.experiments.schema import DIVERGED
from analysis.experiments.seeds import Curve, Floats, curve

POINTS_IN_TIME = 60
BINS = 80  # of a panel that is 240 points wide at most


def mean_curve(group: Group, axis: str, quantity: str) -> Curve | None:
    """Mean of "loss" (geometric) or "score" over "iteration" or "seconds"; None without a member that has any.

    Up to the last point of the longest member; of a group without a run that ended, up to that of the shortest.
    """
    members = group.members[group.members["outcome"] != DIVERGED]
    tracks = [group.track(run, axis, quantity) for run in members["run"]]
    tracks = [(x, y) for x, y in tracks if len(x)]
    if not tracks:
        return None
    first = max(x[0] for x, _ in tracks)
    last = (max if group.ended else min)(x[-1] for x, _ in tracks)
    if last < first:
        return None
    return curve(tracks, _grid(tracks, axis, first, last), logarithmic=quantity == "loss")


def _grid(tracks: list[tuple[Floats, Floats]], axis: str, first: float, last: float) -> Floats:
    """The members' own iterations; for seconds, which no two members share, points at equal ratios."""
    if axis == "seconds" and first > 0:
        return np.geomspace(first, last, POINTS_IN_TIME) if last > first else np.array([first])
    points = np.unique(np.concatenate([x for x, _ in tracks]))
    return points[(points >= first) & (points <= last)]


def apart(x: Floats, axis: str) -> NDArray[np.intp]:
    """Which points of a line a panel can show apart: the first in each of `BINS` parts of it, and the last."""
    if len(x) <= BINS:
        return np.arange(len(x))
    at = np.log(x) if axis == "seconds" and x[0] > 0 else x
    parts = np.floor(BINS * (at - at[0]) / (at[-1] - at[0]))
    return np.unique([*np.unique(parts, return_index=True)[1], len(x) - 1])
