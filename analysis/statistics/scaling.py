"""How time and memory grow with a size: the exponent p of value ~ size^p.

Why: the uRNN costs O(n log n) a step where a dense recurrent net costs O(n^2), and the exponent shows from
measured figures alone whether that is reached. It is the slope of the least-squares line through (log size,
log median).

Known weakness: overheads bend the curve at small sizes, so the exponent belongs to the stated range and to no
other; the interval shows the noise of measuring, not how well a straight line fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.statistics.bootstrap import Estimate, Floats, estimate, positive

MIN_POINTS = 3


@dataclass(frozen=True)
class Exponent:
    """The exponent with its interval, over the sizes from `first` to `last`."""

    estimate: Estimate
    first: int
    last: int
    points: int


def slope(log_sizes: Floats, log_values: Floats) -> Floats:
    """Least-squares slope along the last axis: sum (x - mean x)(y - mean y) / sum (x - mean x)^2."""
    centred = log_sizes - log_sizes.mean()
    return (log_values - log_values.mean(axis=-1, keepdims=True)) @ centred / (centred @ centred)


def exponent(cells: pd.DataFrame, size: str) -> Exponent | None:
    """Summary rows of one series and metric that differ in column `size` alone -> the exponent.

    A step time counts as the time of a whole call where the size is the length, so that linear growth is 1.
    None for fewer than three sizes.
    """
    known = positive(cells).sort_values(size)
    if known[size].duplicated().any():
        raise ValueError(f"Expected one cell a {size}, got several: choose batch, length and phase first.")
    if len(known) < MIN_POINTS:
        return None
    sizes = known[size].to_numpy(dtype=np.float64)
    log_values = np.log(known["value"].to_numpy(dtype=np.float64))
    log_draws = np.log(np.stack(known["replicates"].to_list(), axis=1))
    per_step = size == "length" and (known["metric"] == "step_time").all()
    shift = 1.0 if per_step else 0.0
    fitted = float(slope(np.log(sizes), log_values)) + shift
    draws = slope(np.log(sizes), log_draws) + shift
    return Exponent(estimate(fitted, draws), int(sizes[0]), int(sizes[-1]), len(sizes))
