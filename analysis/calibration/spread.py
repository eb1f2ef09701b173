"""How noisy the recorded machine was, and whether the slowed copies were as slow as they promised.

Known weakness: none known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.calibration.recording import Recording
from analysis.regressions.side import of_variant
from analysis.statistics.log_ratio import Floats, sentinel_weight
from analysis.vocabulary import BASE, SAME


@dataclass(frozen=True)
class Spread:
    """Standard deviation of the log-ratio of two processes of one commit in one pass, which is about a fraction.

    `guarded` is what is left of it once the sentinel's share is taken out; equal to `plain` for the sentinel.
    """

    cell: str
    plain: float
    guarded: float


def spreads(recording: Recording) -> list[Spread]:
    """Each judged cell's, over the recorded passes of A/A; the largest first."""
    own = {cell: log_ratios(recording, SAME, cell) for cell in recording.cells}
    guards = {cell: own.get(of_variant(cell, recording.sentinel)) for cell in recording.cells}
    guarded = [cell for cell, guard in guards.items() if guard is not None and not _is_sentinel(recording, cell)]
    weight = sentinel_weight([(own[cell], guards[cell]) for cell in guarded])
    found = [
        Spread(
            cell,
            float(own[cell].std(ddof=1)),
            float((own[cell] - weight * guards[cell]).std(ddof=1))
            if cell in guarded
            else float(own[cell].std(ddof=1)),
        )
        for cell in recording.cells
    ]
    return sorted(found, key=lambda one: -one.plain)


def achieved(recording: Recording, side: str) -> dict[str, float]:
    """Cell of the slowed model -> how much slower the copy was, as a fraction: the median over passes of its ratio
    to the same commit unslowed, measured in the same pass."""
    found = {}
    for cell in recording.slowed_cells:
        apart = log_ratios(recording, side, cell) - log_ratios(recording, SAME, cell)
        found[cell] = float(np.expm1(np.median(apart)))
    return found


def log_ratios(recording: Recording, side: str, cell: str) -> Floats:
    """log(side / base) of each pass, (R,)."""
    before, after = recording.times[BASE][cell], recording.times[side][cell]
    return np.log([after[at] / before[at] for at in recording.passes])


def _is_sentinel(recording: Recording, cell: str) -> bool:
    return cell.startswith(f"{recording.sentinel}-")
