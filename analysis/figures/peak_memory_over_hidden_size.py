"""Peak memory over the hidden size, above inputs and parameters.

Known weakness: what a library takes outside torch's allocator is not in it.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import over_size
from analysis.focus import over_hidden_size
from analysis.schema import PEAK_ALLOCATED

TITLE = "Peak memory over hidden size"
CAPTION = (
    "Most bytes held by torch's allocator at once during a call, above inputs and parameters, "
    "over the hidden size. "
    "Lines that coincide hide one another; the uRNN is drawn last."
)
PHASES = ("train", "forward")


def draw(cells: pd.DataFrame, columns: int = 2) -> Figure:
    """Summary rows of one setting -> the figure, with so many panels a row."""
    return over_size.draw(cells, PEAK_ALLOCATED, "hidden_size", PHASES, over_hidden_size, columns)
