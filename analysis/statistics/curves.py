"""How time and memory grow with a size, and from which size on the uRNN beats a baseline (docs/statistics.md).

Curves are straight lines between measured sizes in log-log coordinates; nothing is extrapolated. Exponents and
crossovers are computed for each bootstrap replicate as well, so an interval shows the noise of measuring alone. A
replicate that never crosses counts as beyond the largest size, one that is below from the start as below the
smallest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.statistics.bootstrap import Estimate, Floats, bounds, bounds_of_each, estimate, positive
from analysis.vocabulary import STEP_TIME

MIN_POINTS = 3
MATCHES = {
    "hidden_size": "equal hidden size",
    "state_size": "equal real state",
    "parameters": "equal parameter count",
}


@dataclass(frozen=True)
class Curve:
    """One series over sizes, all in logarithms: sizes (K), hidden units (K), medians (K), replicates (R, K)."""

    sizes: Floats
    hidden: Floats
    values: Floats
    draws: Floats


def curve(cells: pd.DataFrame, size: str, own: str = "hidden_size") -> Curve | None:
    """Summary rows of one series and metric, each with another `own` size -> their curve over column `size`."""
    known = positive(cells[cells[size] > 0]).sort_values(size)
    if known[own].duplicated().any():
        raise ValueError(f"Expected one cell a {own}, got several: choose phase, length and batch first.")
    if known.empty:
        return None
    numbers = (known[name].to_numpy(dtype=np.float64) for name in (size, "hidden_size", "value"))
    return curve_through(*numbers, np.stack(known["replicates"].to_list(), axis=1))


def curve_through(sizes: Floats, hidden: Floats, values: Floats, draws: Floats) -> Curve | None:
    """The curve through positive numbers, in any order; None where it would have two values at one size.

    Files that give two sizes one count of parameters say nothing of how sizes match.
    """
    order = np.argsort(sizes, kind="stable")
    if not len(sizes) or (np.diff(sizes[order]) == 0).any():
        return None
    return Curve(*(np.log(numbers[..., order]) for numbers in (sizes, hidden, values, draws)))


@dataclass(frozen=True)
class Exponent:
    """The exponent with its interval, over the sizes from `first` to `last`."""

    estimate: Estimate
    first: int
    last: int
    points: int


def exponent(cells: pd.DataFrame, size: str) -> Exponent | None:
    """Summary rows of one series and metric that differ in column `size` alone -> the exponent.

    A step time counts as the time of a whole call where the size is the length, so that linear growth is 1.
    None for fewer than three sizes.
    """
    found = curve(cells, size, own=size)
    if found is None or len(found.sizes) < MIN_POINTS:
        return None
    shift = 1.0 if size == "length" and (cells["metric"] == STEP_TIME).all() else 0.0
    fitted, draws = (_slope(found.sizes, values) + shift for values in (found.values, found.draws))
    first, last = np.exp(found.sizes[[0, -1]])
    return Exponent(estimate(float(fitted), draws), round(first), round(last), len(found.sizes))


def _slope(x: Floats, y: Floats) -> Floats:
    """Least squares along the last axis: sum (x - mean x)(y - mean y) / sum (x - mean x)^2."""
    centred = x - x.mean()
    return (y - y.mean(axis=-1, keepdims=True)) @ centred / (centred @ centred)


class Lead(StrEnum):
    """From which size on the uRNN is ahead."""

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

    lead: Lead
    match: str
    span: Span | None = None
    hidden: Span | None = None
    gain_first: Estimate | None = None
    gain_last: Estimate | None = None
    also: tuple[tuple[float, float], ...] = ()


def crossover(ours: pd.DataFrame, baseline: pd.DataFrame, match: str = "hidden_size") -> Crossover:
    """Summary rows of the uRNN and of one baseline, alike but for model and size -> where the uRNN leads."""
    one, other = curve(ours, match), curve(baseline, match)
    if one is None or other is None:
        return Crossover(Lead.NOT_MEASURED, match)
    first, last = max(one.sizes[0], other.sizes[0]), min(one.sizes[-1], other.sizes[-1])
    if first > last:
        return Crossover(Lead.NOT_MEASURED, match)
    knots = np.unique(np.concatenate([one.sizes, other.sizes]))
    knots = knots[(knots >= first) & (knots <= last)]
    difference = _at(knots, one.sizes, one.values) - _at(knots, other.sizes, other.values)
    draws = _at(knots, one.sizes, one.draws) - _at(knots, other.sizes, other.draws)
    at = float(_ahead_from(knots, difference[np.newaxis])[0])
    logs = (at, *bounds(_ahead_from(knots, draws)), first, last)
    known = {-np.inf: Lead.FROM_SMALLEST, np.inf: Lead.NOT_UP_TO_LARGEST}
    gains = (estimate(float(np.exp(-difference[end])), np.exp(-draws[:, end])) for end in (0, -1))
    return Crossover(
        known.get(at, Lead.FROM_A_SIZE),
        match,
        _span(logs),
        _span([np.interp(size, one.sizes, one.hidden) if np.isfinite(size) else size for size in logs]),
        *gains,
        also=_earlier_leads(knots, difference),
    )


@dataclass(frozen=True)
class OverBaseline:
    """Ours over a baseline at our sizes that lie within the baseline's: their places, ratios and bounds (K)."""

    places: NDArray[np.intp]
    values: Floats
    low: Floats
    high: Floats


def over_baseline(ours: Curve, baseline: Curve) -> OverBaseline:
    """How many times as large ours is as a baseline of the same size, measured or between two measured ones."""
    inside = (ours.sizes >= baseline.sizes[0]) & (ours.sizes <= baseline.sizes[-1])
    knots = ours.sizes[inside]
    values, draws = (
        mine[..., inside] - _at(knots, baseline.sizes, theirs)
        for mine, theirs in ((ours.values, baseline.values), (ours.draws, baseline.draws))
    )
    low, high = bounds_of_each(draws)
    return OverBaseline(np.flatnonzero(inside), np.exp(values), np.exp(low), np.exp(high))


def _at(knots: Floats, sizes: Floats, values: Floats) -> Floats:
    """Linear interpolation along the last axis, for one curve (K) or its replicates (R, K)."""
    return values @ np.array([np.interp(knots, sizes, unit) for unit in np.eye(len(sizes))])


def _span(logs: Sequence[float]) -> Span:
    return Span(*(float(np.exp(size)) if np.isfinite(size) else float(size) for size in logs))


def _ahead_from(knots: Floats, differences: Floats) -> Floats:
    """For each row of log(ours / baseline) at the knots, the log size from which on it stays below zero.

    -inf where it is below from the first knot on, +inf where it is not below at the last.
    """
    ahead = differences < 0
    result = np.where(ahead[:, -1], -np.inf, np.inf)
    rows = np.flatnonzero(ahead[:, -1] & ~ahead.all(axis=1))
    left = len(knots) - 1 - np.argmax(~ahead[rows, ::-1], axis=1)  # the last knot where it is not ahead
    result[rows] = _root(knots, left, differences[rows, left], differences[rows, left + 1])
    return result


def _root(knots: Floats, left: np.ndarray, before: Floats, after: Floats) -> Floats:
    """Where lines are zero that have these values at the knots `left` and at the next ones."""
    return knots[left] + before / (before - after) * (knots[left + 1] - knots[left])


def _earlier_leads(knots: Floats, difference: Floats) -> tuple[tuple[float, float], ...]:
    """Ranges of sizes in which ours is ahead before the final lead begins, or at all where there is none."""
    ahead = difference < 0
    left = np.flatnonzero(ahead[1:] != ahead[:-1])
    roots = _root(knots, left, difference[left], difference[left + 1])
    ends = np.exp(np.concatenate([knots[:1][ahead[:1]], roots])).tolist()
    return tuple(zip(ends[::2], ends[1::2], strict=False))  # a last one without an end is the final lead
