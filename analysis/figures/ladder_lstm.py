"""The ladder of the LSTM: what each rung gained.

Known weakness: that of `ladder`.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import ladder
from analysis.schema import RUNG_LABELS

MODEL = "lstm_ladder"
TITLE = "The ladder of the LSTM"
CAPTION = ladder.caption(next(iter(RUNG_LABELS[MODEL].values())))


def draw(cells: pd.DataFrame, columns: int = 3) -> Figure:
    """Summary rows of ladders -> the figure, with so many panels a row."""
    return ladder.draw(cells, MODEL, columns)
