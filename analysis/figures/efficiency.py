"""Shares of the measured ceilings over the hidden size, for every backend of the uRNN.

Known weakness: inference alone; a training step has no ceiling of its own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analysis.efficiency import CEILINGS, place, shares
from analysis.figures import style
from analysis.schema import CEILING, CEILING_LABELS, of_family, ordinary

TITLE = "Efficiency: shares of what the machine can do"
CAPTION = (
    "Inference of the uRNN: the time of a part that no implementation can leave out, measured alone in the same "
    "run, over the time of a whole time step. The line at 100 % is the ceiling: a step in which nothing else "
    "takes time. A share above it means that the kernel does that part faster than a call of torch for each step. "
    "Bars and bands are 95 % intervals."
)
TICKS = np.array([1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100])


def draw(cells: pd.DataFrame, columns: int = 2) -> Figure:
    """Summary rows of models and of ceilings -> one panel a ceiling, with so many a row."""
    models, ceilings = ordinary(cells), of_family(cells, CEILING)
    with style.applied():
        figure, axes = style.panels(len(CEILINGS), columns, style.width(columns))
        at = place(models, ceilings)
        found = shares(models, ceilings, at) if at else None
        for ax, ceiling in zip(axes, CEILINGS, strict=True):
            here = found[found["ceiling"] == ceiling] if at else ()
            style.title(ax, CEILING_LABELS[ceiling], at.over_hidden_size() if len(here) else "")
            if len(here):
                _panel(ax, here, style.backend_numbers(models))
            else:
                style.say_not_measured(ax)
        if at:
            style.legend(figure, found)
    return figure


def _panel(ax: Axes, here: pd.DataFrame, numbers: dict[tuple[str, str], int]) -> None:
    style.lines(ax, here, "hidden_size", numbers)
    style.size_axis(ax, list(here["hidden_size"]), "hidden units n")
    low, high = min(here["low"].min(), 0.1), max(here["high"].max(), 1.0)
    ax.set_yscale("log")
    ax.set_ylim(low / 1.3, high * (high / low) ** 0.12)
    ax.yaxis.set_major_locator(FixedLocator(TICKS))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    ax.axhline(1, color=style.INK, linewidth=1.4, linestyle=(0, (4, 2)), zorder=2)
    ax.annotate(
        "the ceiling",
        (0.01, 1),
        (0, 4),
        xycoords=ax.get_yaxis_transform(),
        textcoords="offset points",
        color=style.INK,
        fontsize=8.5,
    )
    ax.set_ylabel("share of a step's time")
