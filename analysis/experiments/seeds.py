"""Means across seeds with Student's t interval.

One seed is an anecdote. The interval is mean -+ t(0.975, k - 1) s / sqrt k over k seeds (Student 1908, The
probable error of a mean); with two or three seeds it is wide, and one seed has none. Quantities that are positive
and spread over orders of magnitude (losses, times) are averaged as logarithms, so that the bounds stay positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.vocabulary import CONFIDENCE

Floats = NDArray[np.float64]

# A cross-entropy in float32 is known to its eps at best; anything below is drawn and averaged as that.
LEAST_POSITIVE = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Across:
    """Mean over seeds with the bounds of its 95 % interval, which are NaN for one seed: numbers, or (K,) each."""

    mean: Floats
    low: Floats
    high: Floats
    seeds: int


def _logarithms(values: Floats) -> Floats:
    return np.log(np.maximum(values, LEAST_POSITIVE))


def across(values: ArrayLike, logarithmic: bool = False, least: float = -np.inf, most: float = np.inf) -> Across:
    """One value, or (K,) of them, a seed -> mean and interval; geometric where `logarithmic`.

    The bounds are cut to `least` and `most`, which values cannot leave. Raises ValueError without a seed.
    """
    rows = np.asarray(values, dtype=np.float64)
    if not len(rows):
        raise ValueError("Expected at least one seed, got none.")
    rows = _logarithms(rows) if logarithmic else rows
    number, mean = len(rows), rows.mean(axis=0)
    half = np.full_like(mean, np.nan)
    if number > 1:
        half = stats.t.ppf((1 + CONFIDENCE) / 2, number - 1) * rows.std(axis=0, ddof=1) / np.sqrt(number)
    bounds = (mean, mean - half, mean + half)
    mean, low, high = map(np.exp, bounds) if logarithmic else bounds
    return Across(mean, np.clip(low, least, most), np.clip(high, least, most), number)


def curve(members: Sequence[tuple[Floats, Floats]], x: Floats, logarithmic: bool) -> Across:
    """Each seed's (x, value), x ascending -> the mean at the given x.

    Between its points a seed is a straight line (of the logarithm, where `logarithmic`); beyond its last point it
    keeps that value.
    """
    if logarithmic:
        rows = [np.exp(np.interp(x, at, _logarithms(values))) for at, values in members]
    else:
        rows = [np.interp(x, at, values) for at, values in members]
    return across(rows, logarithmic)
