"""Time against memory at the largest cell that most models share: who pays for speed with memory.

Known weakness: one cell; where a model gains or loses with size is in the other figures.
"""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.focus import focus, over_hidden_size
from analysis.schema import PEAK_ALLOCATED, PHASE_LABELS, STEP_TIME

TITLE = "Time against memory"
CAPTION = (
    "Each model at the largest hidden size that most models share; "
    "thin trails lead there from the smaller sizes. "
    "Lower left is better. Bars are 95 % intervals."
)
PHASES = ("train", "forward")


def draw(cells: pd.DataFrame, columns: int = 2) -> Figure:
    """Summary rows of one setting -> one panel a phase, with so many panels a row."""
    with style.applied():
        figure, axes = style.panels(len(PHASES), columns, style.width(columns), height=4.0)
        shown = []
        for ax, phase in zip(axes, PHASES, strict=True):
            both = _both(cells, phase)
            at = focus(cells, phase)
            if at is None or both.empty:
                style.title(ax, PHASE_LABELS[phase])
                style.say_not_measured(ax)
                continue
            size = _largest_common(both)
            both = both[both["hidden_size"] <= size]
            style.title(ax, PHASE_LABELS[phase], f"n = {size}, {at.over_hidden_size()}")
            _panel(ax, both, size, style.backend_numbers(cells))
            shown.append(both)
        if shown:
            style.legend(figure, pd.concat(shown))
    return figure


def _both(cells: pd.DataFrame, phase: str) -> pd.DataFrame:
    """One row a model and hidden size with its time (s) and memory (B), each with its bounds."""
    at = focus(cells, phase)
    if at is None:
        return cells.iloc[:0]
    key = ["model", "backend", "series", "hidden_size"]
    times, memory = (
        over_hidden_size(cells, at, metric).query("value > 0")[[*key, "value", "low", "high"]]
        for metric in (STEP_TIME, PEAK_ALLOCATED)
    )
    return times.merge(memory, on=key, suffixes=("_time", "_memory"))


def _largest_common(both: pd.DataFrame) -> int:
    """The largest hidden size at which most series have both figures."""
    counts = both["hidden_size"].value_counts()
    return int(counts[counts == counts.max()].index.max())


def _panel(ax: Axes, both: pd.DataFrame, size: int, numbers: dict[tuple[str, str], int]) -> None:
    for model, backend, _ in style.series_in_order(both):
        mine = both[(both["model"] == model) & (both["backend"] == backend)].sort_values("hidden_size")
        look = style.line_style(model, numbers[model, backend])
        _trail(ax, mine[mine["hidden_size"] <= size], str(look["color"]), model, backend)
        for row in mine[mine["hidden_size"] == size].itertuples():
            bars = {"color": look["color"], "linewidth": 1.4}
            ax.hlines(row.value_memory, row.low_time, row.high_time, gid=style.series_id(model, backend), **bars)
            ax.vlines(row.value_time, row.low_memory, row.high_memory, gid=style.series_id(model, backend), **bars)
            sns.scatterplot(
                x=[row.value_time],
                y=[row.value_memory],
                ax=ax,
                color=look["markerfacecolor"],
                edgecolor=look["markeredgecolor"],
                marker=look["marker"],
                s=150 if model == "urnn" else 90,
                zorder=5,
                gid=style.series_id(model, backend),
            )
    style.value_axis(ax, STEP_TIME, [*both["low_time"], *both["high_time"]], which="x")
    style.value_axis(ax, PEAK_ALLOCATED, [*both["low_memory"], *both["high_memory"]])
    ax.set(xlabel="time per time step", ylabel="peak memory")


def _trail(ax: Axes, cells: pd.DataFrame, colour: str, model: str, backend: str) -> None:
    faint = {"color": colour, "alpha": 0.4, "linewidth": 1.2, "marker": ".", "markersize": 5}
    ax.plot(cells["value_time"], cells["value_memory"], gid=style.series_id(model, backend), **faint)
