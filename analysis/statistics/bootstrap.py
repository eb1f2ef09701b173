"""Medians with bootstrap intervals that respect which process a sample came from (docs/statistics.md).

Rounds of one process are no independent samples, so processes are drawn first, then rounds within each (Davison
and Hinkley 1997, Bootstrap Methods and their Application, section 3.8). One process says nothing of their spread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.vocabulary import CONFIDENCE

RESAMPLES = 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value with the bounds of its 95 % interval, in the value's unit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Quartiles:
    """Of one process; all that is left of it where a harness drops its samples."""

    lower: float
    median: float
    upper: float
    rounds: int

    def standard_error(self) -> float:
        """Of the median: 1.25 IQR / (1.35 sqrt N) (McGill, Tukey and Larsen 1978, Variations of Box Plots)."""
        return 1.25 * max(self.upper - self.lower, 0.0) / (1.35 * np.sqrt(max(self.rounds, 1)))


Process = Floats | Quartiles


def quartiles(process: Process) -> Quartiles:
    """A process in four numbers."""
    if isinstance(process, Quartiles):
        return process
    lower, upper = np.quantile(process, [0.25, 0.75])
    return Quartiles(float(lower), float(np.median(process)), float(upper), len(process))


def median(processes: Sequence[Process]) -> float:
    """Median over processes of their medians: the process is the unit, however many rounds each ran."""
    return float(np.median([quartiles(process).median for process in processes]))


def replicates(processes: Sequence[Process], rng: np.random.Generator, count: int = RESAMPLES) -> Floats:
    """`count` bootstrap replicates of `median(processes)`."""
    chosen = rng.integers(0, len(processes), size=(count, len(processes)))
    medians = np.empty(chosen.shape)
    for number, process in enumerate(processes):
        here = chosen == number
        medians[here] = _resampled_medians(process, int(here.sum()), rng)
    return np.median(medians, axis=1)


def _resampled_medians(process: Process, count: int, rng: np.random.Generator) -> Floats:
    if isinstance(process, Quartiles):
        # Times are positive; a draw below the half of the median is an artefact of the normal approximation.
        draws = rng.normal(process.median, process.standard_error(), size=count)
        return np.maximum(draws, process.median / 2)
    if len(process) == 1 or np.ptp(process) == 0:
        return np.full(count, process[0])
    return np.median(process[rng.integers(0, len(process), size=(count, len(process)))], axis=1)


def bounds(draws: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Percentile interval of replicates; never interpolates between draws, which may be infinite."""
    low, high = bounds_of_each(draws[:, np.newaxis], confidence)
    return float(low[0]), float(high[0])


def bounds_of_each(draws: Floats, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """The same for each column of replicates (R, K) -> lower and upper bounds (K)."""
    tail = (1 - confidence) / 2
    return (
        np.quantile(draws, tail, axis=0, method="lower"),
        np.quantile(draws, 1 - tail, axis=0, method="higher"),
    )


def estimate(value: float, draws: Floats) -> Estimate:
    """A point estimate with the percentile interval of its replicates."""
    return Estimate(value, *bounds(draws))


def ratio(numerator: Any, denominator: Any) -> Estimate:
    """How many times as large one summary row is as another, taken as independent of it, with its interval."""
    draws = numerator["replicates"] / denominator["replicates"]
    return estimate(float(numerator["value"] / denominator["value"]), draws)


def ratio_between_settings(numerator: Any, denominator: Any) -> Estimate:
    """The ratio of one cell's summary rows in two settings, on two machines say.

    A cell's draws have one seed, so that in both settings the same processes would be drawn, as if the machines'
    noise were one; the draws of one side are therefore taken in another order.
    """
    order = np.random.default_rng(0).permutation(len(denominator["replicates"]))
    return ratio(numerator, {**denominator, "replicates": denominator["replicates"][order]})


def positive(cells: pd.DataFrame) -> pd.DataFrame:
    """Summary rows that have a logarithm, and whose replicates have: no process of theirs took zero bytes."""
    logarithmic = [row.value > 0 and bool((row.replicates > 0).all()) for row in cells.itertuples()]
    return cells[np.array(logarithmic, dtype=bool)]
