"""Means across seeds with Student's t interval, and curves of them.

Why: one seed is an anecdote. The interval is mean -+ t(0.975, k - 1) s / sqrt k over k seeds (Student 1908, The
probable error of a mean). Quantities that are positive and spread over orders of magnitude (losses, times) are
averaged as logarithms, which gives the geometric mean and bounds that stay positive.

Known weakness: with two or three seeds the interval is wide (t is 12.7 and 4.3) and rests on a normal
distribution that nobody can check at that number; one seed has no interval at all.
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
class Curve:
    """A mean over seeds along an axis, with its bounds, (K,) each; the bounds are NaN for one seed."""

    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    seeds: int


def bands(values: Floats, logarithmic: bool) -> tuple[Floats, Floats, Floats]:
    """(k, K), one row a seed -> mean, lower and upper bound, (K,) each; geometric where `logarithmic`."""
    values = np.log(np.maximum(values, LEAST_POSITIVE)) if logarithmic else values
    number = len(values)
    mean = values.mean(axis=0)
    if number == 1:
        half = np.full_like(mean, np.nan)
    else:
        half = stats.t.ppf((1 + CONFIDENCE) / 2, number - 1) * values.std(axis=0, ddof=1) / np.sqrt(number)
    bounds = (mean, mean - half, mean + half)
    return tuple(np.exp(bound) for bound in bounds) if logarithmic else bounds


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
    rows = []
    for at, values in members:
        if logarithmic:
            rows.append(np.exp(np.interp(x, at, np.log(np.maximum(values, LEAST_POSITIVE)))))
        else:
            rows.append(np.interp(x, at, values))
    return Curve(x, *bands(np.stack(rows), logarithmic), len(rows))
