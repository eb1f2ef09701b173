"""Means across seeds with Student's t interval, of one value a seed or along a curve.

One seed is an anecdote. The interval is mean -+ t(0.975, k - 1) s / sqrt k over k seeds (Student 1908, The
probable error of a mean); with two or three seeds it is wide, and one seed has none. Quantities that are positive
and spread over orders of magnitude (losses, times) are averaged as logarithms, so that the bounds stay positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.vocabulary import CONFIDENCE

Floats = NDArray[np.float64]

# A cross-entropy in float32 is known to its eps at best; anything below is drawn and averaged as that.
LEAST_POSITIVE = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Across:
    """Mean over seeds with the bounds of its 95 % interval, which are NaN for one seed."""

    mean: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Curve(Across):
    """The same along an axis `x`: (K,) each of x, mean and bounds."""

    x: Floats


def logarithms(values: Floats) -> Floats:
    """Logarithms of losses or times, of which the least is `LEAST_POSITIVE`."""
    return np.log(np.maximum(values, LEAST_POSITIVE))


def bands(values: Floats, logarithmic: bool) -> tuple[Floats, Floats, Floats]:
    """(k, K), one row a seed -> mean, lower and upper bound, (K,) each; geometric where `logarithmic`."""
    values = logarithms(values) if logarithmic else values
    number, mean = len(values), values.mean(axis=0)
    half = np.full_like(mean, np.nan)
    if number > 1:
        half = stats.t.ppf((1 + CONFIDENCE) / 2, number - 1) * values.std(axis=0, ddof=1) / np.sqrt(number)
    bounds = (mean, mean - half, mean + half)
    return tuple(map(np.exp, bounds)) if logarithmic else bounds


def across(
    values: Sequence[float], logarithmic: bool = False, least: float = -np.inf, most: float = np.inf
) -> Across:
    """One value a seed -> mean and interval; the bounds are cut to `least` and `most`, which values cannot leave.

    Raises ValueError without a value.
    """
    if not len(values):
        raise ValueError("Expected at least one seed, got none.")
    column = np.asarray(values, dtype=np.float64)[:, np.newaxis]
    mean, low, high = (float(bound[0]) for bound in bands(column, logarithmic))
    return Across(mean, float(np.clip(low, least, most)), float(np.clip(high, least, most)), len(values))


def curve(members: Sequence[tuple[Floats, Floats]], x: Floats, logarithmic: bool) -> Curve:
    """Each seed's (x, value), x ascending -> the mean at the given x.

    Between its points a seed is a straight line (of the logarithm, where `logarithmic`); beyond its last point it
    keeps that value.
    """
    if logarithmic:
        rows = [np.exp(np.interp(x, at, logarithms(values))) for at, values in members]
    else:
        rows = [np.interp(x, at, values) for at, values in members]
    return Curve(*bands(np.stack(rows), logarithmic), len(rows), x)
