"""How noisy the recorded machine was, and whether the slowed copies were as slow as they promised."""

import numpy as np
import pandas as pd

from analysis.calibration.recording import Recording
from analysis.regressions.measurements import of_variant
from analysis.statistics.log_ratio import sentinel_weight
from analysis.vocabulary import BASE, SAME


def spreads(recording: Recording) -> pd.DataFrame:
    """Standard deviation, over passes, of the log-ratio of two processes of one commit, which is about a fraction.

    Rows are the judged cells, the largest first; `guarded` is what is left of `plain` once the sentinel's share is
    taken out, and equal to it for the sentinel.
    """
    own = _log_ratios(recording, SAME)
    guards = own.reindex(columns=[of_variant(cell, recording.sentinel) for cell in own])
    guards.columns = own.columns
    guards.loc[:, own.columns.str.startswith(f"{recording.sentinel}-")] = np.nan
    guarded = guards.dropna(axis=1)
    weight = sentinel_weight([(list(own[cell]), list(guarded[cell])) for cell in guarded])
    left = own.sub(weight * guarded, fill_value=0.0)
    found = pd.DataFrame({"plain": own.std(), "guarded": left.std()}).loc[list(recording.cells)]
    return found.sort_values("plain", ascending=False, kind="stable")


def achieved(recording: Recording, side: str) -> dict[str, float]:
    """Cell of the slowed model -> how much slower the copy was, as a fraction: the median over passes of its ratio
    to the same commit unslowed, measured in the same pass."""
    apart = (_log_ratios(recording, side) - _log_ratios(recording, SAME))[list(recording.slowed_cells)]
    return np.expm1(apart.median()).to_dict()


def _log_ratios(recording: Recording, side: str) -> pd.DataFrame:
    """log(side / base) of each pass and cell."""
    before, after = (pd.DataFrame(recording.times[name]) for name in (BASE, side))
    cells = [cell for cell in dict.fromkeys(recording.cells) if cell in after]
    return np.log(after[cells] / before[cells]).loc[list(recording.passes)]
