"""From which size on the uRNN beats a baseline, at equal hidden size, equal real state or equal parameter
count.

Both curves are straight lines between measured sizes in log-log coordinates. The crossover is the size from which
on the uRNN stays below the baseline, within the range of sizes that both curves cover; nothing is extrapolated.
The same is computed for each bootstrap replicate: one that never crosses counts as beyond the largest size, one
that is below from the start as below the smallest, so an interval may be open at either end.

Known weakness: curves are interpolated, so a crossover is only as precise as the grid, and a library's jump
between two sizes is invisible.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.statistics.bootstrap import Estimate, Floats, bounds, estimate, positive

MATCHES = {
    "hidden_size": "equal hidden size",
    "state_size": "equal real state",
    "parameters": "equal parameter count",
}


class Outcome(StrEnum):
    """What came of a comparison over sizes."""

    FROM_SMALLEST = "from the smallest measured size on"
    FROM_A_SIZE = "from a size on"
    NOT_UP_TO_LARGEST = "not up to the largest measured size"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Span:
    """Where the lead begins, the bounds of its interval, and the range of sizes that both curves cover.

    Infinite values lie outside that range: -inf before its start, +inf beyond its end.
    """

    at: float
    low: float
    high: float
    first: float
    last: float


@dataclass(frozen=True)
class Crossover:
    """The answer for one pair, metric and match; without a span nothing was measured that could be compared.

    `span` is in the matched quantity, `hidden` the same in hidden units of the uRNN. `gain_first` and
    `gain_last` say baseline over uRNN at the two ends of the range (above 1: the uRNN is ahead). `also` lists
    ranges, in the matched quantity, in which the uRNN is ahead as well before falling back behind.
    """

    outcome: Outcome
    match: str
    span: Span | None = None
    hidden: Span | None = None
    gain_first: Estimate | None = None
    gain_last: Estimate | None = None
    also: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Curve:
    """One series over sizes, all in logarithms: sizes (K), hidden units (K), medians (K), replicates (R, K)."""

    sizes: Floats
    hidden: Floats
    values: Floats
    draws: Floats


def curve(cells: pd.DataFrame, match: str) -> Curve | None:
    """Summary rows of one series, metric, phase, length and batch -> its curve over the matched quantity."""
    known = positive(cells[cells[match] > 0]).sort_values(match)
    if known.empty:
        return None
    if known["hidden_size"].duplicated().any():
        raise ValueError("Expected one cell a hidden_size, got several: choose phase, length and batch first.")
    if known[match].duplicated().any():
        return None  # files that give two sizes one count of parameters say nothing of how sizes match
    draws = np.log(np.stack(known["replicates"].to_list(), axis=1))
    sizes, hidden, values = (
        np.log(known[name].to_numpy(dtype=np.float64)) for name in (match, "hidden_size", "value")
    )
    return Curve(sizes, hidden, values, draws)


def crossover(ours: pd.DataFrame, baseline: pd.DataFrame, match: str = "hidden_size") -> Crossover:
    """Summary rows of the uRNN and of one baseline, alike but for model and size -> where the uRNN leads."""
    one, other = curve(ours, match), curve(baseline, match)
    if one is None or other is None:
        return Crossover(Outcome.NOT_MEASURED, match)
    first, last = max(one.sizes[0], other.sizes[0]), min(one.sizes[-1], other.sizes[-1])
    if first > last:
        return Crossover(Outcome.NOT_MEASURED, match)
    knots = np.unique(np.concatenate([[first, last], one.sizes, other.sizes]))
    knots = knots[(knots >= first) & (knots <= last)]
    difference = _at(knots, one.sizes, one.values) - _at(knots, other.sizes, other.values)
    draws = _at(knots, one.sizes, one.draws) - _at(knots, other.sizes, other.draws)
    return _judge(one, knots, difference, draws, match)


def _at(knots: Floats, sizes: Floats, values: Floats) -> Floats:
    """Linear interpolation along the last axis, for one curve (K) or its replicates (R, K)."""
    if len(sizes) == 1:
        return np.repeat(values[..., :1], len(knots), axis=-1)
    left = np.clip(np.searchsorted(sizes, knots, side="right") - 1, 0, len(sizes) - 2)
    weight = (knots - sizes[left]) / (sizes[left + 1] - sizes[left])
    return values[..., left] * (1 - weight) + values[..., left + 1] * weight


def _judge(ours: Curve, knots: Floats, difference: Floats, draws: Floats, match: str) -> Crossover:
    at = float(ahead_from(knots, difference[np.newaxis])[0])
    logs = (at, *bounds(ahead_from(knots, draws)), float(knots[0]), float(knots[-1]))
    hidden = [np.interp(size, ours.sizes, ours.hidden) if np.isfinite(size) else size for size in logs]
    lead = {-np.inf: Outcome.FROM_SMALLEST, np.inf: Outcome.NOT_UP_TO_LARGEST}
    return Crossover(
        outcome=lead.get(at, Outcome.FROM_A_SIZE),
        match=match,
        span=Span(*(_exp(size) for size in logs)),
        hidden=Span(*(_exp(size) for size in hidden)),
        gain_first=estimate(float(np.exp(-difference[0])), np.exp(-draws[:, 0])),
        gain_last=estimate(float(np.exp(-difference[-1])), np.exp(-draws[:, -1])),
        also=_earlier_leads(knots, difference, at),
    )


def _exp(log_size: float) -> float:
    return float(np.exp(log_size)) if np.isfinite(log_size) else float(log_size)


def ahead_from(knots: Floats, differences: Floats) -> Floats:
    """For each row of log(ours / baseline) at the knots, the log size from which on it stays below zero.

    -inf where it is below from the first knot on, +inf where it is not below at the last.
    """
    ahead = differences < 0
    rises = ~ahead[:, :-1] & ahead[:, 1:]
    result = np.where(ahead[:, -1], -np.inf, np.inf)
    rows = np.flatnonzero(ahead[:, -1] & rises.any(axis=1))
    if len(rows):
        left = rises.shape[1] - 1 - np.argmax(rises[rows, ::-1], axis=1)
        result[rows] = _root(knots, differences, rows, left)
    return result


def _root(knots: Floats, differences: Floats, rows: NDArray[np.int64], left: NDArray[np.int64]) -> Floats:
    before, after = differences[rows, left], differences[rows, left + 1]
    return knots[left] + before / (before - after) * (knots[left + 1] - knots[left])


def _earlier_leads(knots: Floats, difference: Floats, final: float) -> tuple[tuple[float, float], ...]:
    """Ranges of sizes in which ours is ahead before the final lead begins, or at all where there is none."""
    if final == -np.inf:
        return ()
    leads: list[tuple[float, float]] = []
    start = float(knots[0]) if difference[0] < 0 else None
    for i in range(len(knots) - 1):
        if (difference[i] < 0) == (difference[i + 1] < 0):
            continue
        root = float(_root(knots, difference[np.newaxis], np.array([0]), np.array([i]))[0])
        if start is None:
            start = root
        else:
            leads.append((float(np.exp(start)), float(np.exp(root))))
            start = None
    return tuple(leads)
