"""How much slower or faster one commit is than another, as a mean log-ratio with Student's t interval.

Each number is the log of one process's median. With fewer than three processes a side nothing is known of their
spread, so a stated one is taken, which is too small for a noisier machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.vocabulary import CONFIDENCE

Floats = NDArray[np.float64]

ASSUMED_SPREAD = 0.03  # standard deviation of the log of a process median; 1 to 5 % on shared machines
ENOUGH = 3  # processes a side from which on their own spread is taken
ENOUGH_FOR_WEIGHT = 10  # degrees of freedom


@dataclass(frozen=True)
class LogRatio:
    """Mean of log(head / base), its standard error, the degrees of freedom of t, and the processes a side."""

    mean: float
    error: float
    freedom: float
    processes: int

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Two-sided bounds of the mean."""
        reach = self.quantile((1 + confidence) / 2) * self.error
        return self.mean - reach, self.mean + reach

    def quantile(self, share: float) -> float:
        """Student's t at its degrees of freedom."""
        return _quantile(share, self.freedom)

    def p_slower(self) -> float:
        """One-sided p value against 'head is not slower': small where it is."""
        return _upper_tail(self.mean, self.error, self.freedom)

    def p_faster(self) -> float:
        """One-sided p value against 'head is not faster'."""
        return _upper_tail(-self.mean, self.error, self.freedom)


def _upper_tail(mean: float, error: float, freedom: float) -> float:
    if error == 0:  # values equal to the last bit have no spread to test against
        return 0.5 if mean == 0 else float(mean < 0)
    at = mean / error
    return float(special.ndtr(-at) if math.isinf(freedom) else special.stdtr(freedom, -at))


@lru_cache
def _quantile(share: float, freedom: float) -> float:
    """Student's t; the plain functions, as those of scipy.stats take a hundred times as long for one number."""
    return float(special.ndtri(share) if math.isinf(freedom) else special.stdtrit(freedom, share))


def of_pairs(differences: Sequence[float]) -> LogRatio:
    """Log-ratios of processes that ran side by side, one a pass -> their mean (the paired t of Student 1908).

    Raises ValueError for no pass at all.
    """
    number = len(differences)
    if number == 0:
        raise ValueError("Expected at least one pass, got none.")
    mean, centred = _centred(differences)
    if number < ENOUGH:
        return LogRatio(mean, ASSUMED_SPREAD * math.sqrt(2 / number), math.inf, number)
    return LogRatio(mean, math.sqrt(_product(centred, centred) / (number - 1) / number), number - 1, number)


def _centred(values: Sequence[float]) -> tuple[float, list[float]]:
    """Mean and what is left of each value; without numpy, which takes far longer for ten numbers."""
    mean = fmean(values)
    return mean, [value - mean for value in values]


def _product(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(map(mul, one, other))


def of_groups(base: Sequence[float], head: Sequence[float]) -> LogRatio:
    """Logs of processes that did not run side by side -> the difference of their means (Welch 1947).

    Raises ValueError where a side has no process.
    """
    sides = [np.asarray(side, dtype=np.float64) for side in (base, head)]
    counts = [len(side) for side in sides]
    if min(counts) == 0:
        raise ValueError(f"Expected processes on both sides, got {counts[0]} and {counts[1]}.")
    mean = float(sides[1].mean() - sides[0].mean())
    if min(counts) < ENOUGH:
        error = ASSUMED_SPREAD * math.sqrt(1 / counts[0] + 1 / counts[1])
        return LogRatio(mean, error, math.inf, min(counts))
    parts = [side.var(ddof=1) / len(side) for side in sides]
    total = float(sum(parts))
    if total == 0:
        return LogRatio(mean, 0.0, sum(counts) - 2, min(counts))
    freedom = total**2 / sum(part**2 / (count - 1) for part, count in zip(parts, counts, strict=True))
    return LogRatio(mean, math.sqrt(total), float(freedom), min(counts))


def sentinel_weight(cells: Sequence[tuple[Sequence[float], Sequence[float]]]) -> float:
    """How much of a cell's log-ratio its sentinel's explains, from 0 to 1.

    `cells` holds, for each cell, its log-ratios and its sentinel's of the same passes. The weight is the slope of
    the one on the other within cells, over all of them (the control variate's coefficient): where both drift
    together it is 1, and where the sentinel is mere noise it is 0 and subtracts none. With little to learn from it
    is 1, the plain ratio to the sentinel.
    """
    freedom = sum(max(len(own) - 1, 0) for own, _ in cells)
    centred = [(_centred(own)[1], _centred(other)[1]) for own, other in cells]
    explained = sum(_product(own, other) for own, other in centred)
    spread = sum(_product(other, other) for _, other in centred)
    if freedom < ENOUGH_FOR_WEIGHT or spread == 0:
        return 1.0
    return min(max(explained / spread, 0.0), 1.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values in any order -> adjusted ones in the same order: reject those at or below the family's level.

    Forty cells at 1 % each would raise an alarm in every third run without a change. Holm's step-down procedure
    (1979, A Simple Sequentially Rejective Multiple Test Procedure) needs no independence between cells, which
    share a machine.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted.tolist()
