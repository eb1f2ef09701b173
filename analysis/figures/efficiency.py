"""How near the uRNN comes to what the machine can do: shares of measured ceilings over the hidden size.

Why: a time alone does not say whether there is anything left to gain. Two things that no uRNN can leave out are
measured by themselves: a time step's two Fourier transforms, and writing its output to memory. A share is their
time over that of the whole step (the roofline of Williams, Waterman and Patterson 2009, in times, not rates).

Known weakness: a ceiling is what torch reaches with a call for each time step; a faster kernel is above 100 %.
"""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.anchor_point import anchor_point
from analysis.figures import style
from analysis.schema import backends_of, of_family, ordinary
from analysis.statistics import ratio
from analysis.vocabulary import CEILING, MEASURED, STEP_TIME

PHASE = "forward"
SIZES = ["hidden_size", "length", "batch", "num_layers"]


def shares(cells: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """Those of `every_share` at the anchor point."""
    at = anchor_point(cells, PHASE)
    every = every_share(cells, ceilings)
    return every.iloc[:0] if at is None else at.over("hidden_size", every, STEP_TIME)


def every_share(cells: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """Summary rows of models and of ceilings -> one row a ceiling and cell of the uRNN's inference.

    The rows are the uRNN's step times, with value, low and high as fractions of them and the columns ceiling and
    label (the ceiling's). Only sizes at which both were measured have a row. A ceiling has no task.
    """
    ours, alone = (
        part[(part["phase"] == PHASE) & (part["metric"] == STEP_TIME) & (part["outcome"] == MEASURED)]
        for part in (cells[cells["model"] == "urnn"], ceilings)
    )
    found = [ours.iloc[:0].assign(ceiling="", label="")]
    for ceiling, label in backends_of(ceilings, CEILING).items():
        times = alone[alone["backend"] == ceiling].drop_duplicates(SIZES).set_index(SIZES)
        here = ours[pd.MultiIndex.from_frame(ours[SIZES]).isin(times.index)]
        share = [ratio(times.loc[tuple(row[SIZES])], row) for _, row in here.iterrows()]
        numbers = {name: [getattr(one, name) for one in share] for name in ("value", "low", "high")}
        found.append(here.assign(ceiling=ceiling, label=label, **numbers))
    return pd.concat(found)


def draw(cells: pd.DataFrame, columns: int = 2) -> Figure:
    """Summary rows of models and of ceilings -> one panel for each ceiling."""
    models, ceilings = ordinary(cells), of_family(cells, CEILING)
    found = shares(models, ceilings)
    fillings = [
        partial(_panel, models=models, found=found[found["ceiling"] == ceiling], label=label)
        for ceiling, label in backends_of(ceilings, CEILING).items()
    ]
    return style.small_multiples(fillings, models, columns)


def _panel(ax: Axes, models: pd.DataFrame, found: pd.DataFrame, label: str) -> None:
    if found.empty:
        style.title(ax, label)
        style.say_not_measured(ax)
        return
    style.title(ax, label, anchor_point(models, PHASE).fixed())
    style.lines(ax, found, "hidden_size", style.backend_numbers(models))
    style.size_axis(ax, found["hidden_size"], "hidden units n")
    low, high = min(found["low"].min(), 0.1), max(found["high"].max(), 1.0)
    ax.set_ylim(low / 1.3, high * (high / low) ** 0.12)
    style.log_axis(ax, lambda share: f"{100 * share:g} %")
    ax.axhline(1, color=style.INK, linewidth=1.4, linestyle=(0, (4, 2)), zorder=2)
    words = {"textcoords": "offset points", "color": style.INK, "fontsize": 8.5}
    ax.annotate("the ceiling", (0.01, 1), (0, 4), xycoords=ax.get_yaxis_transform(), **words)
    ax.set_ylabel("share of a step's time")
