"""Which batch, length, hidden size and depth a figure or a headline holds fixed while it varies another.

For each phase it is the point with the most cells tried for step time, and of equals the one closest to the anchor
cell of the suite, so that the choice follows from the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.vocabulary import MEASURED, NOT_TRIED, STEP_TIME

ANCHOR = {"hidden_size": 512, "batch": 64, "length": 100, "num_layers": 1}
OTHER = {"hidden_size": "length", "length": "hidden_size"}


@dataclass(frozen=True)
class AnchorPoint:
    """The point of the grid at which one phase is looked at."""

    phase: str
    task: str
    batch: int
    length: int
    hidden_size: int
    num_layers: int = 1

    def fixed(self, x: str = "hidden_size") -> str:
        """What is held fixed over hidden sizes or over lengths, for people."""
        others = f"B = {self.batch}, T = {self.length}", f"n = {self.hidden_size}, B = {self.batch}"
        return others[x == "length"] + (f", {self.num_layers} layers" if self.num_layers > 1 else "")

    def holds(self, cells: pd.DataFrame) -> pd.Series:
        """Which summary rows have its phase, task, batch and layers, at any hidden size and length."""
        axes = ["phase", "task", "batch", "num_layers"]
        return cells[axes].eq([getattr(self, axis) for axis in axes]).all(axis=1)

    def over(self, x: str, cells: pd.DataFrame, metric: str) -> pd.DataFrame:
        """The rows of one metric that differ from the point in model and `x` alone (hidden_size or length)."""
        other = OTHER[x]
        return cells[self.holds(cells) & (cells["metric"] == metric) & (cells[other] == getattr(self, other))]


def anchor_point(cells: pd.DataFrame, phase: str) -> AnchorPoint | None:
    """Summary rows -> the point to look at, or None where the phase was not measured."""
    tried = (cells["metric"] == STEP_TIME) & ~cells["outcome"].isin(NOT_TRIED)
    here = cells[(cells["phase"] == phase) & tried]
    if not (here["outcome"] == MEASURED).any():
        return None
    task = str(here["task"].value_counts().sort_index().idxmax())
    here = here[here["task"] == task]
    layers = _most_common(here, "num_layers")
    here = here[here["num_layers"] == layers]
    batch = _most_common(here, "batch")
    here = here[here["batch"] == batch]
    return AnchorPoint(phase, task, batch, _most_common(here, "length"), _most_common(here, "hidden_size"), layers)


def _most_common(cells: pd.DataFrame, axis: str) -> int:
    counts = cells[axis].value_counts()
    best = counts[counts == counts.max()].index
    return int(min(best, key=lambda value: (abs(np.log(value / ANCHOR[axis])), value)))
