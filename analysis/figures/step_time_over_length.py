"""Time per time step over the length of the sequence: flat where a call has no cost of its own.

Known weakness: a logarithmic axis makes small drifts with length look like none.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import over_size
from analysis.focus import over_length
from analysis.schema import STEP_TIME

TITLE = "Step time over length"
CAPTION = (
    "Median time of one time step over the length of the sequence. "
    "A flat line means that a sequence twice as long takes twice as long."
)
PHASES = ("train", "forward")


def draw(cells: pd.DataFrame, columns: int = 2) -> Figure:
    """Summary rows of one setting -> the figure, with so many panels a row."""
    return over_size.draw(cells, STEP_TIME, "length", PHASES, over_length, columns)
