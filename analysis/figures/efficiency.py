"""Shares of the measured ceilings in inference over the hidden size, for every backend of the uRNN."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from analysis.anchor_point import anchor_point
from analysis.efficiency import PHASE, shares
from analysis.figures import style
from analysis.figures.style import Panel
from analysis.schema import backends_of, of_family, ordinary
from analysis.vocabulary import CEILING


def draw(cells: pd.DataFrame, columns: int = 2) -> Figure:
    """Summary rows of models and of ceilings -> one panel for each ceiling."""
    models, ceilings = ordinary(cells), of_family(cells, CEILING)
    at, found, numbers = anchor_point(models, PHASE), shares(models, ceilings), style.backend_numbers(models)

    def fill(ax: Axes, here: pd.DataFrame) -> None:
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

    panels = [
        Panel(label, at.fixed(), here) if len(here) else Panel(label)
        for ceiling, label in backends_of(ceilings, CEILING).items()
        for here in [found[found["ceiling"] == ceiling]]
    ]
    return style.small_multiples(panels or [Panel("")], columns, fill)
