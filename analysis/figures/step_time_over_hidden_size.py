"""Time per time step over the hidden size: where the uRNN's O(n log n) meets the O(n^2) of dense recurrent
nets.

Known weakness: hidden size is only one way to match models; equal state and equal parameters are in the
tables.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import over_size
from analysis.focus import over_hidden_size
from analysis.schema import STEP_TIME

TITLE = "Step time over hidden size"
CAPTION = (
    "Median time of one time step over the hidden size, both axes logarithmic. Bars and bands are 95 % intervals."
)
PHASES = ("train", "forward", "stream")


def draw(cells: pd.DataFrame, columns: int = 3) -> Figure:
    """Summary rows of one setting -> the figure, with so many panels a row."""
    return over_size.draw(cells, STEP_TIME, "hidden_size", PHASES, over_hidden_size, columns)
