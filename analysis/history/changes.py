"""Where a series changes: Otava's change points, asv's own steps beside them, and how large each change is.

Both tools want several commits on either side of a step, and a project that gets faster every quarter of an hour
does not give them; so a change of 15 % that the next commit confirms is shown as well. Sizes are ratios of mean
levels with Welch's interval over all processes of the levels before and after. Bytes are the same at every call,
so there any difference beyond the gate's margin is a change.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from analysis.history.commits import Commit, Series
from analysis.regressions.judge import MARGINS, RULES
from analysis.statistics.log_ratio import of_groups
from analysis.vocabulary import PEAK_ALLOCATED, STEP_TIME

OTAVA, ASV, NEIGHBOURS, COMPARISON = "Otava", "asv", "neighbours", "bytes"
LASTING = math.log(1.15)  # several times what two processes of one commit differ by


@dataclass(frozen=True)
class Change:
    """A new level of a series from `commit` on.

    Attributes:
        at: position of the commit in the series.
        before: the commit measured last before it; together with `commit` what a bisection starts from.
        ratio: new level over old; low and high are its 95 % interval.
        found_by: of OTAVA, ASV, NEIGHBOURS and COMPARISON.
    """

    series: Series
    at: int
    before: Commit
    commit: Commit
    ratio: float
    low: float
    high: float
    found_by: tuple[str, ...]


def asv_steps(levels: Sequence[float]) -> list[int]:
    """First positions of the pieces that asv's step detection makes of a series, the very first left out."""
    from asv.step_detect import detect_steps  # asv is no part of what a GPU machine needs

    return [int(left) for left, *_ in detect_steps([float(value) for value in levels])][1:]


def lasting_steps(levels: Sequence[float]) -> list[int]:
    """Positions at which logs of levels change by more than LASTING, the two commits from there on against the two
    before: one commit that was disturbed is no step, and neither is the return from it."""
    found = []
    for at in range(1, len(levels) - 1):
        apart = [
            levels[later] - levels[earlier] for later in (at, at + 1) for earlier in range(max(at - 2, 0), at)
        ]
        if min(apart) > LASTING or max(apart) < -LASTING:
            found.append(at)
    return found


def changes(series: Sequence[Series], otava: Mapping[Series, Sequence[int]] | None = None) -> list[Change]:
    """Every change of every series that is beyond the gate's effect floor, newest first; of one commit the largest
    first. `otava` holds that tool's positions, where it was asked."""
    found = [change for one in series for change in _changes(one, (otava or {}).get(one, ()))]
    return sorted(found, key=lambda one: (one.commit.time, abs(math.log(one.ratio))), reverse=True)


def _changes(series: Series, otava: Sequence[int]) -> list[Change]:
    if series.metric == PEAK_ALLOCATED:
        steps = np.abs(np.diff(series.levels)) > math.log1p(MARGINS[PEAK_ALLOCATED])
        by = dict.fromkeys((np.flatnonzero(steps) + 1).tolist(), (COMPARISON,))
    else:
        levels = series.levels
        steps = {OTAVA: otava, ASV: asv_steps(np.exp(levels)), NEIGHBOURS: lasting_steps(levels)}
        by = {at: tuple(name for name in steps if at in steps[name]) for at in set().union(*steps.values())}
    edges = [0, *sorted(by), len(series.points)]
    found = [_change(series, edges[number : number + 3], by[at]) for number, at in enumerate(edges[1:-1])]
    exact = series.metric == PEAK_ALLOCATED
    return [change for change in found if exact or abs(math.log(change.ratio)) > math.log1p(RULES.floor)]


def _change(series: Series, edges: Sequence[int], found_by: tuple[str, ...]) -> Change:
    """The change between two levels; `edges` are where the first and the second start, and the second's end."""
    points, at = series.points, edges[1]
    before, after = (
        np.concatenate([series.logs(point) for point in points[left:right]]) for left, right in pairwise(edges)
    )
    if series.metric == STEP_TIME:
        found = of_groups(before, after)
        logs = (found.mean, *found.interval())
    else:
        logs = (float(after.mean() - before.mean()),) * 3
    return Change(series, at, points[at - 1].commit, points[at].commit, *map(math.exp, logs), found_by)
