"""How many times as fast the uRNN trains as each baseline, over (n, T), with the crossover drawn in.

A baseline that was run in several ways is taken in the fastest in each cell.
The line parts the cells before the crossover from those beyond it; the size between them is in the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from analysis import units
from analysis.anchor_point import anchor_point
from analysis.figures import style
from analysis.statistics import Estimate, at_best, crossover, fastest, ratio
from analysis.vocabulary import MEASURED, STEP_TIME

PHASE = "train"
FEW = 8  # baselines; more of them stand in one panel, at the one length at which several were measured
SCALE = Normalize(-4.0, 4.0)  # log2 of the factors that colours tell apart
COLOURS = LinearSegmentedColormap.from_list("speed-up", ["#1c5fa8", "#f3f3f1", "#dd5500"])


def draw(cells: pd.DataFrame, columns: int = 4) -> Figure:
    """Summary rows of one setting -> one heat map for each baseline."""
    with style.applied():
        at, narrow = anchor_point(cells, PHASE), columns == 1
        measured = (cells["metric"] == STEP_TIME) & (cells["outcome"] == MEASURED)
        here = cells[at.holds(cells) & measured] if at else cells.iloc[:0]
        ours = here[(here["model"] == "urnn") & (here["backend"] == fastest(cells, "urnn"))]
        best = at_best(here)
        baselines = [(one.label, best[best["model"] == one.model]) for one in style.rivals_in_order(here)]
        if ours.empty or not baselines:
            return style.small_multiples([], cells, columns)
        if len(baselines) > FEW:
            lengths = [
                one for one in set(ours["length"]) if sum(one in set(rows["length"]) for _, rows in baselines) > 1
            ]
            if len(lengths) == 1:
                ours = ours[ours["length"].isin(lengths)]
                baselines = [(label, rows[rows["length"].isin(lengths)]) for label, rows in baselines]
                return _one_length(ours, baselines, style.width(columns), int(lengths[0]))
        in_a_row, height = (2, 2.0) if narrow else (columns, 2.3)
        figure, axes = style.panels(len(baselines), in_a_row, style.width(columns), height=height)
        for number, (ax, (label, theirs)) in enumerate(zip(axes, baselines, strict=True)):
            ax.set_title(style.wrapped(f"vs {label}", 24 if narrow else 30), fontsize=8.5 if narrow else 10)
            _heat_map(ax, ours, theirs, narrow)
            ax.set(xlabel="hidden units n", ylabel="" if number % in_a_row else "time steps T")
        _colour_bar(figure, axes)
    return figure


def _one_length(
    ours: pd.DataFrame, baselines: Sequence[tuple[str, pd.DataFrame]], width: float, length: int
) -> Figure:
    """A row a baseline over the hidden sizes, where panels with one row each would say little on much space."""
    figure, (ax,) = style.panels(1, 1, width, height=0.34 * len(baselines) + 0.9)
    sizes = sorted(set(ours["hidden_size"]))
    mine = ours.set_index("hidden_size")
    gains = pd.DataFrame(index=range(len(baselines)), columns=sizes, dtype=object)
    for row, (_, rows) in enumerate(baselines):
        theirs = rows.set_index("hidden_size")
        for size in mine.index.intersection(theirs.index):
            gains.at[row, size] = ratio(theirs.loc[size], mine.loc[size])
    narrow = width < style.WIDE
    _squares(ax, gains, 7 if narrow else 8.3)
    names = [style.wrapped(f"vs {label}", 22 if narrow else 60) for label, _ in baselines]
    ax.set_yticks(np.arange(len(gains)) + 0.5, names, fontsize=7 if narrow else None)
    for row, (_, rows) in enumerate(baselines):
        at = crossover(ours, rows)
        if at.span and at.span.at < np.inf:
            place = np.searchsorted(sizes, at.span.at)
            ax.vlines(place, row + 0.04, row + 0.96, clip_on=False, zorder=5, **_line())
    ax.set(xlabel="hidden units n", ylabel="")
    style.title(ax, "", f"T = {length}")
    _colour_bar(figure, [ax], shrink=0.75 if narrow else 0.5)
    return figure


def _heat_map(ax: Axes, ours: pd.DataFrame, theirs: pd.DataFrame, narrow: bool) -> None:
    lengths, sizes = sorted(set(ours["length"]), reverse=True), sorted(set(ours["hidden_size"]))
    mine, other = (rows.set_index(["length", "hidden_size"]) for rows in (ours, theirs))
    gains = {cell: ratio(other.loc[cell], mine.loc[cell]) for cell in mine.index.intersection(other.index)}
    if not gains:
        style.say_not_measured(ax)
        return
    grid = pd.Series(gains).unstack().reindex(index=lengths, columns=sizes)
    _squares(ax, grid, (7 if narrow else 8.3) * min(1.0, 6 / len(sizes)))
    ax.tick_params(axis="x", labelsize=7.5 if narrow else 9)
    _draw_crossover(ax, ours, theirs, lengths, sizes)


def _squares(ax: Axes, gains: pd.DataFrame, fontsize: float) -> None:
    """A coloured square with its factor for each gain; empty where there is none."""
    sns.heatmap(
        np.log2(gains.map(attrgetter("value"), na_action="ignore").astype(float)),
        ax=ax,
        cmap=COLOURS,
        norm=SCALE,
        annot=gains.map(_text).to_numpy(),
        fmt="",
        annot_kws={"fontsize": fontsize},
        cbar=False,
        linewidths=1,
        linecolor=style.PAPER,
    )
    ax.grid(False)
    ax.tick_params(length=0, rotation=0)


def _text(gain: Estimate | float) -> str:
    if not isinstance(gain, Estimate):
        return ""  # where one of the two was not measured
    about = "≈" if gain.low <= 1 <= gain.high else ""
    return about + units.ahead_or_behind(gain.value)


def _draw_crossover(
    ax: Axes, ours: pd.DataFrame, theirs: pd.DataFrame, lengths: list[int], sizes: list[int]
) -> None:
    """Between the cells on either side of the size from which on the uRNN is faster, joined between rows."""
    places = np.full(len(lengths), np.nan)
    for row, length in enumerate(lengths):
        found = crossover(ours[ours["length"] == length], theirs[theirs["length"] == length])
        if found.span and found.span.at < np.inf:
            places[row] = np.searchsorted(sizes, found.span.at)
    ax.stairs(places, orientation="horizontal", baseline=None, clip_on=False, zorder=5, **_line())


def _line() -> dict[str, object]:
    """The crossover's look; in a casing of the page's colour it stands out from any cell, on a dark page too."""
    casing = [withStroke(linewidth=6.5, foreground=style.PAPER)]
    return {"color": style.INK, "linewidth": 3, "path_effects": casing}


def _colour_bar(figure: Figure, axes: list[Axes], shrink: float = 0.5) -> None:
    bar = figure.colorbar(
        ScalarMappable(SCALE, COLOURS), ax=axes, location="top", shrink=shrink, aspect=40, pad=0.02
    )
    bar.outline.set_visible(False)
    texts = ["÷16", "÷4", "1", f"{units.TIMES}4", f"{units.TIMES}16"]
    bar.ax.set_xticks([-4, -2, 0, 2, 4], texts)
    for place, side, words in ((-0.02, "right", "uRNN slower"), (1.02, "left", "uRNN faster")):
        bar.ax.text(place, 0.5, words, transform=bar.ax.transAxes, ha=side, va="center", color=style.INK)
