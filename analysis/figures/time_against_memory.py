"""Time against memory at the largest cell that most models share: who pays for speed with memory."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.anchor_point import anchor_point
from analysis.figures import style
from analysis.figures.style import Panel
from analysis.vocabulary import PEAK_ALLOCATED, PHASES, STEP_TIME

KEY = ["model", "backend", "series", "hidden_size"]


def draw(cells: pd.DataFrame, columns: int = 2) -> Figure:
    """Summary rows of one setting -> one panel for each phase."""
    numbers = style.backend_numbers(cells)

    def fill(ax: Axes, both: pd.DataFrame) -> None:
        for (model, backend, _), mine in style.by_series(both.sort_values("hidden_size")):
            _point_with_trail(ax, mine, both["hidden_size"].max(), model, backend, numbers[model, backend])
        style.value_axis(ax, STEP_TIME, [*both["low_time"], *both["high_time"]], which="x")
        style.value_axis(ax, PEAK_ALLOCATED, [*both["low_memory"], *both["high_memory"]])
        ax.set(xlabel="time per time step", ylabel="peak memory")

    return style.small_multiples(
        [_panel(cells, phase) for phase in ("train", "forward")], columns, fill, height=4.0
    )


def _panel(cells: pd.DataFrame, phase: str) -> Panel:
    """One row a series and hidden size with its time (s) and memory (B), each with its bounds."""
    at = anchor_point(cells, phase)
    if at is None:
        return Panel(PHASES[phase])
    times, memory = (at.over("hidden_size", cells, metric) for metric in (STEP_TIME, PEAK_ALLOCATED))
    parts = (part.loc[part["value"] > 0, [*KEY, "value", "low", "high"]] for part in (times, memory))
    both = pd.merge(*parts, on=KEY, suffixes=("_time", "_memory"))
    if both.empty:
        return Panel(PHASES[phase])
    size = int(both["hidden_size"].mode().max())  # the largest at which most series have both
    return Panel(PHASES[phase], f"n = {size}, {at.fixed()}", both[both["hidden_size"] <= size])


def _point_with_trail(ax: Axes, mine: pd.DataFrame, size: int, model: str, backend: str, number: int) -> None:
    """A marker with its bars at the size, and a thin line that leads there from the smaller ones."""
    look = style.line_style(model, number)
    trail = {"color": look["color"], "alpha": 0.4, "linewidth": 1.2, "marker": ".", "markersize": 5}
    ax.plot(mine["value_time"], mine["value_memory"], gid=style.series_id(model, backend), **trail)
    bars = {"color": look["color"], "linewidth": 1.4}
    marks = {name: look[name] for name in look if name.startswith("marker")}
    marks |= {"markersize": 12 if model == "urnn" else 9, "linestyle": "none", "zorder": 5}
    for row in mine[mine["hidden_size"] == size].itertuples():
        for x, y, words in (
            ([row.low_time, row.high_time], [row.value_memory] * 2, bars),
            ([row.value_time] * 2, [row.low_memory, row.high_memory], bars),
            ([row.value_time], [row.value_memory], marks),
        ):
            ax.plot(x, y, gid=style.series_id(model, backend), **words)
