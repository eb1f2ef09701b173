"""p values of many cells, adjusted so that one false alarm among all of them is as rare as for one cell.

Why: forty cells at 1 % each would raise an alarm in every third run without a change. Holm's step-down procedure
(1979, A Simple Sequentially Rejective Multiple Test Procedure) needs no independence between cells, which share a
machine.

Known weakness: it guards against any false alarm at all, and pays with power where many cells slow down a little.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """p values in any order -> adjusted ones in the same order: reject those at or below the family's level."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(value) for value in adjusted]
