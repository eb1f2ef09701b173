"""Shares of the measured ceilings in inference over the hidden size, for every backend of the uRNN."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.anchor_point import anchor_point
from analysis.efficiency import PHASE, shares
from analysis.figures import style
from analysis.schema import backends_of, of_family, ordinary
from analysis.vocabulary import CEILING


def draw(cells: pd.DataFrame, columns: int = 2) -> Figure:
    """Summary rows of models and of ceilings -> one panel for each ceiling."""
    models, ceilings = ordinary(cells), of_family(cells, CEILING)
    found = shares(models, ceilings)
    fillings = [
        partial(_panel, models=models, shares=found[found["ceiling"] == ceiling], label=label)
        for ceiling, label in backends_of(ceilings, CEILING).items()
    ]
    return style.small_multiples(fillings, models, columns)


def _panel(ax: Axes, models: pd.DataFrame, shares: pd.DataFrame, label: str) -> None:
    if shares.empty:
        style.title(ax, label)
        style.say_not_measured(ax)
        return
    style.title(ax, label, anchor_point(models, PHASE).fixed())
    style.lines(ax, shares, "hidden_size", style.backend_numbers(models))
    style.size_axis(ax, shares["hidden_size"], "hidden units n")
    low, high = min(shares["low"].min(), 0.1), max(shares["high"].max(), 1.0)
    ax.set_ylim(low / 1.3, high * (high / low) ** 0.12)
    style.log_axis(ax, lambda share: f"{100 * share:g} %")
    ax.axhline(1, color=style.INK, linewidth=1.4, linestyle=(0, (4, 2)), zorder=2)
    words = {"textcoords": "offset points", "color": style.INK, "fontsize": 8.5}
    ax.annotate("the ceiling", (0.01, 1), (0, 4), xycoords=ax.get_yaxis_transform(), **words)
    ax.set_ylabel("share of a step's time")
