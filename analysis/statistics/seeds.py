"""Seeds of one setting: their mean with Student's t interval, and the mean of their curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from analysis.statistics.bootstrap import Estimate, Floats
from analysis.vocabulary import CONFIDENCE

# A cross-entropy in float32 is known to its eps at best; anything below is drawn and averaged as that.
LEAST_POSITIVE = float(np.finfo(np.float32).eps)


def _logarithms(values: ArrayLike) -> Floats:
    return np.log(np.maximum(values, LEAST_POSITIVE))


def across(values: ArrayLike, logarithmic: bool = False) -> pd.DataFrame:
    """(seeds, points) -> mean and interval, geometric where `logarithmic`: a row a point of value, low and high.

    The bounds are NaN for one seed.
    """
    rows = pd.DataFrame(_logarithms(values) if logarithmic else values)
    mean, half = rows.mean(), stats.t.ppf((1 + CONFIDENCE) / 2, len(rows) - 1) * rows.sem()
    found = pd.DataFrame({"value": mean, "low": mean - half, "high": mean + half})
    return np.exp(found) if logarithmic else found


def estimate(column: pd.Series, logarithmic: bool = False) -> Estimate | None:
    """Mean and interval of a column of one group's; None where a member has no value."""
    return None if column.isna().any() else Estimate(*across(column.astype("float64"), logarithmic).iloc[0])


def share(column: pd.Series) -> Estimate | None:
    """The same of shares, whose bounds cannot leave 0 to 1."""
    found = estimate(column)
    return found and Estimate(found.value, max(found.low, 0.0), min(found.high, 1.0))


def curve(tracks: list[tuple[Floats, Floats]], x: Floats, logarithmic: bool) -> pd.DataFrame:
    """Each seed's (x, value), x ascending -> the mean at the given x, with columns value, low and high.

    Between its points a seed is a straight line (of the logarithm, where `logarithmic`); beyond its last point it
    keeps that value.
    """
    there, back = (_logarithms, np.exp) if logarithmic else (np.asarray, np.asarray)
    return across([back(np.interp(x, at, there(values))) for at, values in tracks], logarithmic).set_index(x)
