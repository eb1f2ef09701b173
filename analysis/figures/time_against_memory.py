"""Time against memory at the largest cell that most models share: who pays for speed with memory.

Known weakness: one cell; where a model gains or loses with size is in the other figures.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.anchor_point import anchor_point
from analysis.figures import style
from analysis.vocabulary import PEAK_ALLOCATED, PHASES, STEP_TIME

PANELS = ("train", "forward")
KEY = ["model", "backend", "series", "hidden_size"]


def draw(cells: pd.DataFrame, columns: int = 2) -> Figure:
    """Summary rows of one setting -> one panel for each phase."""
    with style.applied():
        figure, axes = style.panels(len(PANELS), columns, style.width(columns), height=4.0)
        shown = []
        for ax, phase in zip(axes, PANELS, strict=True):
            at = anchor_point(cells, phase)
            both = (
                _both(*(at.over("hidden_size", cells, metric) for metric in (STEP_TIME, PEAK_ALLOCATED)))
                if at
                else ()
            )
            if not len(both):
                style.title(ax, PHASES[phase])
                style.say_not_measured(ax)
                continue
            counts = both["hidden_size"].value_counts()
            size = int(counts[counts == counts.max()].index.max())  # the largest at which most series have both
            both = both[both["hidden_size"] <= size]
            style.title(ax, PHASES[phase], f"n = {size}, {at.fixed()}")
            _panel(ax, both, size, style.backend_numbers(cells))
            shown.append(both)
        if shown:
            style.legend(figure, pd.concat(shown))
    return figure


def _both(times: pd.DataFrame, memory: pd.DataFrame) -> pd.DataFrame:
    """One row a series and hidden size with its time (s) and memory (B), each with its bounds."""
    parts = (part.loc[part["value"] > 0, [*KEY, "value", "low", "high"]] for part in (times, memory))
    return pd.merge(*parts, on=KEY, suffixes=("_time", "_memory"))


def _panel(ax: Axes, both: pd.DataFrame, size: int, numbers: dict[tuple[str, str], int]) -> None:
    for model, backend, _ in style.series_in_order(both):
        mine = both[(both["model"] == model) & (both["backend"] == backend)].sort_values("hidden_size")
        look = style.line_style(model, numbers[model, backend])
        marks = {name: look[name] for name in look if name.startswith("marker")}
        trail = {"color": look["color"], "alpha": 0.4, "linewidth": 1.2, "marker": ".", "markersize": 5}
        ax.plot(mine["value_time"], mine["value_memory"], gid=style.series_id(model, backend), **trail)
        for row in mine[mine["hidden_size"] == size].itertuples():
            bars = {"color": look["color"], "linewidth": 1.4}
            marks["markersize"] = 12 if model == "urnn" else 9
            for x, y, words in (
                ([row.low_time, row.high_time], [row.value_memory] * 2, bars),
                ([row.value_time] * 2, [row.low_memory, row.high_memory], bars),
                ([row.value_time], [row.value_memory], marks | {"linestyle": "none", "zorder": 5}),
            ):
                ax.plot(x, y, gid=style.series_id(model, backend), **words)
    style.value_axis(ax, STEP_TIME, [*both["low_time"], *both["high_time"]], which="x")
    style.value_axis(ax, PEAK_ALLOCATED, [*both["low_memory"], *both["high_memory"]])
    ax.set(xlabel="time per time step", ylabel="peak memory")
