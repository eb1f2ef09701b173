"""Where a series changes and by how much: by Otava, by asv's step detection, and where a change of 15 % lasts.

Both tools want several commits on either side of a step, which a project that gets faster every quarter of an hour
does not give them. Bytes are the same at every call, so any difference beyond the gate's margin is a change.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.regressions.judge import MARGINS, RULES
from analysis.statistics.log_ratio import of_groups
from analysis.vocabulary import PEAK_ALLOCATED

OTAVA, ASV, NEIGHBOURS, COMPARISON = "Otava", "asv", "neighbours", "bytes"
LASTING = math.log(1.15)  # several times what two processes of one commit differ by


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


def changes(points: pd.DataFrame, otava: Mapping[int, Sequence[int]] | None = None) -> pd.DataFrame:
    """Every change of every series that is beyond the gate's effect floor, newest first; of one commit the largest
    first. `otava` holds that tool's positions by the number of the series, where it was asked.

    A row is the first point of a new level, with `at`, its position in the series; `before`, the name of the
    commit measured last before it, with which a bisection starts; `ratio`, new level over old, and its 95 %
    interval in `low` and `high`; and `found_by`, some of OTAVA, ASV, NEIGHBOURS and COMPARISON.
    """
    series = points.groupby("number")
    found = [row for number, one in series for row in _changes(one, (otava or {}).get(number, ()))]
    found.sort(key=lambda row: (row["time"], abs(math.log(row["ratio"]))), reverse=True)
    return pd.DataFrame(found, columns=[*points.columns, "at", "before", "ratio", "low", "high", "found_by"])


def _changes(series: pd.DataFrame, otava: Sequence[int]) -> list[dict]:
    levels, exact = series["level"].to_numpy(), series["metric"].iloc[0] == PEAK_ALLOCATED
    if exact:
        steps = np.flatnonzero(np.abs(np.diff(levels)) > math.log1p(MARGINS[PEAK_ALLOCATED])) + 1
        by = dict.fromkeys(steps.tolist(), (COMPARISON,))
    else:
        found = {OTAVA: otava, ASV: asv_steps(np.exp(levels)), NEIGHBOURS: lasting_steps(levels)}
        by = {at: tuple(name for name in found if at in found[name]) for at in set().union(*found.values())}
    rows, edges = series.to_dict("records"), [0, *sorted(by), len(series)]
    changed = []
    for start, at, end in zip(edges, edges[1:], edges[2:], strict=False):
        before, after = (np.concatenate(list(series["logs"][part])) for part in (slice(start, at), slice(at, end)))
        if exact:
            logs = (after.mean() - before.mean(),) * 3
        else:
            welch = of_groups(before, after)
            logs = (welch.mean, *welch.interval())
        if exact or abs(logs[0]) > math.log1p(RULES.floor):
            ratios = dict(zip(("ratio", "low", "high"), map(math.exp, logs), strict=True))
            changed.append(rows[at] | ratios | {"at": at, "before": rows[at - 1]["name"], "found_by": by[at]})
    return changed
