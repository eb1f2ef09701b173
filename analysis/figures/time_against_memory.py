"""Time against memory at the largest cell that most models share: who pays for speed with memory."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.anchor_point import anchor_point
from analysis.figures import style
from analysis.vocabulary import PEAK_ALLOCATED, PHASES, STEP_TIME


def draw(cells: pd.DataFrame, columns: int = 2) -> Figure:
    """Summary rows of one setting -> one panel for each phase."""
    fillings = [partial(_panel, cells=cells, phase=phase) for phase in ("train", "forward")]
    return style.small_multiples(fillings, cells, columns, height=4.0)


def _panel(ax: Axes, cells: pd.DataFrame, phase: str) -> None:
    at, numbers = anchor_point(cells, phase), style.backend_numbers(cells)
    here = cells[cells["value"] > 0]
    times, memory = (
        at.over("hidden_size", here, name) if at else here[:0] for name in (STEP_TIME, PEAK_ALLOCATED)
    )
    both = times.merge(memory, on=["model", "backend", "series", "hidden_size"], suffixes=("_time", "_memory"))
    if both.empty:
        style.title(ax, PHASES[phase])
        style.say_not_measured(ax)
        return
    size = both["hidden_size"].mode().max()  # the largest at which most series have both
    both = both[both["hidden_size"] <= size].sort_values("hidden_size")
    style.title(ax, PHASES[phase], f"n = {size}, {at.fixed()}")
    for (model, backend, _), mine in style.by_series(both):
        _point_with_trail(ax, mine, mine["hidden_size"] == size, model, backend, numbers[model, backend])
    style.value_axis(ax, STEP_TIME, [*both["low_time"], *both["high_time"]], which="x")
    style.value_axis(ax, PEAK_ALLOCATED, [*both["low_memory"], *both["high_memory"]])
    ax.set(xlabel="time per time step", ylabel="peak memory")


def _point_with_trail(
    ax: Axes, mine: pd.DataFrame, marked: pd.Series, model: str, backend: str, number: int
) -> None:
    """A marker with its bars for one row, and a thin line that leads there from the smaller sizes."""
    look, here = style.line_style(model, number), mine[marked]
    trail = {"color": look["color"], "alpha": 0.4, "linewidth": 1.2, "marker": ".", "markersize": 5}
    bars = {"color": look["color"], "linewidth": 1.4}
    marks = look | {"markersize": 12 if model == "urnn" else 9, "linestyle": "none", "zorder": 5}
    x, y = here["value_time"], here["value_memory"]
    ax.plot(mine["value_time"], mine["value_memory"], gid=style.series_id(model, backend), **trail)
    ax.hlines(y, here["low_time"], here["high_time"], gid=style.series_id(model, backend), **bars)
    ax.vlines(x, here["low_memory"], here["high_memory"], gid=style.series_id(model, backend), **bars)
    ax.plot(x, y, gid=style.series_id(model, backend), **marks)
