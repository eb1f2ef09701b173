"""Shares of the measured ceilings over the hidden size, for every backend of the uRNN.

Known weakness: inference alone; a training step has no ceiling of its own.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from analysis.efficiency import place, shares
from analysis.figures import style
from analysis.schema import backends_of, of_family, ordinary
from analysis.vocabulary import CEILING


def draw(cells: pd.DataFrame, columns: int = 2) -> Figure:
    """Summary rows of models and of ceilings -> one panel for each ceiling."""
    models, ceilings = ordinary(cells), of_family(cells, CEILING)
    with style.applied():
        labels = backends_of(ceilings, CEILING) or {"": ""}
        figure, axes = style.panels(len(labels), columns, style.width(columns))
        at = place(models, ceilings)
        found = shares(models, ceilings, at) if at else None
        for ax, ceiling in zip(axes, labels, strict=True):
            here = found[found["ceiling"] == ceiling] if at else ()
            style.title(ax, labels[ceiling], at.fixed() if len(here) else "")
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
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 3) if high / low < 1000 else (1,)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    ax.axhline(1, color=style.INK, linewidth=1.4, linestyle=(0, (4, 2)), zorder=2)
    words = {"textcoords": "offset points", "color": style.INK, "fontsize": 8.5}
    ax.annotate("the ceiling", (0.01, 1), (0, 4), xycoords=ax.get_yaxis_transform(), **words)
    ax.set_ylabel("share of a step's time")
