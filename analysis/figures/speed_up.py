"""How many times as fast the uRNN trains as each baseline, over (n, T), with the crossover drawn in.

Why: one glance answers for whom the uRNN pays. The line parts the cells that lie before the crossover from
those beyond it; the size interpolated between them is in the tables.

Known weakness: one batch size; colours saturate at a factor of 16.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from analysis import units
from analysis.figures import style
from analysis.focus import Focus, focus
from analysis.schema import MEASURED, STEP_TIME
from analysis.statistics import Estimate, crossover, fastest, ratio

TITLE = "Speed-up of the uRNN over each baseline"
CAPTION = (
    "Training: time of the baseline over time of the uRNN at equal hidden size. "
    f"{units.TIMES}2 means that the uRNN is twice as fast, ÷2 half as fast; ≈ that the 95 % interval holds 1. "
    "The thick line is the crossover: to its right the uRNN is faster. "
    "A blank cell was not measured for both."
)
PHASE = "train"
SATURATION = 4.0  # log2 of the largest factor that colours tell apart

COLOURS = LinearSegmentedColormap.from_list("speed-up", ["#1c5fa8", "#f3f3f1", "#dd5500"])


def draw(cells: pd.DataFrame, columns: int = 4) -> Figure:
    """Summary rows of one setting -> one heat map a baseline, with so many a row."""
    with style.applied():
        at, backend = focus(cells, PHASE), fastest(cells, "urnn")
        here = _times(cells, at) if at else cells.iloc[:0]
        ours = here[(here["model"] == "urnn") & (here["backend"] == backend)]
        baselines = [series for series in style.series_in_order(here) if series[0] != "urnn"]
        if ours.empty or not baselines:
            figure, axes = style.panels(1, 1, style.width(columns))
            style.say_not_measured(axes[0])
            return figure
        narrow = columns == 1
        figure, axes = style.panels(
            len(baselines), 2 if narrow else columns, style.width(columns), height=2.0 if narrow else 2.3
        )
        for number, (ax, (model, baseline_backend, label)) in enumerate(zip(axes, baselines, strict=True)):
            theirs = here[(here["model"] == model) & (here["backend"] == baseline_backend)]
            ax.set_title(style.literal(f"vs {label}"), fontsize=8.5 if narrow else 10)
            _heat_map(ax, ours, theirs, narrow)
            ax.set(
                xlabel="hidden units n",
                ylabel="time steps T" if number % (2 if narrow else columns) == 0 else "",
            )
        _colour_bar(figure, axes)
    return figure


def _times(cells: pd.DataFrame, at: Focus) -> pd.DataFrame:
    return cells[at.holds(cells) & (cells["metric"] == STEP_TIME) & (cells["outcome"] == MEASURED)]


def _heat_map(ax: Axes, ours: pd.DataFrame, theirs: pd.DataFrame, narrow: bool) -> None:
    lengths, sizes = sorted(set(ours["length"]), reverse=True), sorted(set(ours["hidden_size"]))
    gains = _gains(ours, theirs)
    logs = np.array([[np.log2(gains[t, n].value) if (t, n) in gains else np.nan for n in sizes] for t in lengths])
    texts = [[_text(gains[t, n]) if (t, n) in gains else "" for n in sizes] for t in lengths]
    if np.isnan(logs).all():
        style.say_not_measured(ax)
        return
    sns.heatmap(
        pd.DataFrame(logs, index=lengths, columns=sizes),
        ax=ax,
        cmap=COLOURS,
        vmin=-SATURATION,
        vmax=SATURATION,
        annot=np.array(texts),
        fmt="",
        annot_kws={"fontsize": (7.5 if narrow else 9) * min(1.0, 6 / len(sizes))},
        cbar=False,
        linewidths=1,
        linecolor=style.PAPER,
    )
    ax.grid(False)
    ax.tick_params(length=0)
    ax.tick_params(axis="y", rotation=0)
    ax.tick_params(axis="x", rotation=0, labelsize=7.5 if narrow else 9)
    _draw_crossover(ax, ours, theirs, lengths, sizes)


def _gains(ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[tuple[int, int], Estimate]:
    mine, other = (rows.set_index(["length", "hidden_size"]) for rows in (ours, theirs))
    return {cell: ratio(other.loc[cell], mine.loc[cell]) for cell in mine.index.intersection(other.index)}


def _text(gain: Estimate) -> str:
    about = "≈" if gain.low <= 1 <= gain.high else ""
    return about + units.ahead_or_behind(gain.value)


def _draw_crossover(
    ax: Axes, ours: pd.DataFrame, theirs: pd.DataFrame, lengths: list[int], sizes: list[int]
) -> None:
    """Between the cells on either side of the size from which on the uRNN is faster, joined between rows."""
    places: list[int | None] = []
    for length in lengths:
        found = crossover(ours[ours["length"] == length], theirs[theirs["length"] == length])
        at = found.span.at if found.span else np.inf
        places.append(int(np.searchsorted(sizes, at)) if at < np.inf else None)
    # The line lies in a casing of the page's colour, so that it stands out from any cell, on a dark page as well.
    for colour, width, layer in ((style.PAPER, 6.5, 5), (style.INK, 3, 6)):
        for row, place in enumerate(places):
            if place is not None:
                below = places[row + 1] if row + 1 < len(places) else None
                corners = [place, place] if below is None else [place, place, below]
                heights = [row, row + 1] if below is None else [row, row + 1, row + 1]
                ax.plot(corners, heights, color=colour, linewidth=width, clip_on=False, zorder=layer)


def _colour_bar(figure: Figure, axes: list[Axes]) -> None:
    mappable = ScalarMappable(Normalize(-SATURATION, SATURATION), COLOURS)
    bar = figure.colorbar(mappable, ax=axes, location="top", shrink=0.5, aspect=40, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.xaxis.set_major_locator(FixedLocator([-4, -2, 0, 2, 4]))
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda log, _: _bar_text(log)))
    for place, side, words in ((-0.02, "right", "uRNN slower"), (1.02, "left", "uRNN faster")):
        bar.ax.text(place, 0.5, words, transform=bar.ax.transAxes, ha=side, va="center", color=style.INK)


def _bar_text(log: float) -> str:
    return "1" if log == 0 else units.ahead_or_behind(2.0**log).replace(".0", "")
