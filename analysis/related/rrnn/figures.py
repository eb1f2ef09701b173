"""Learning curves, two trees, and how many structures a batch has."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn

from analysis import units
from analysis.appearance import Series
from analysis.figures import style
from analysis.related.engine.chapter import Frames
from analysis.related.rrnn.data import RRNN, SEARCHING, SERIES, TREE_TITLES, WHICH
from analysis.statistics.seeds import curve
from analysis.vocabulary import counted


def drawn_series(frames: Frames) -> list[Series]:
    """Those that have curves."""
    found = set(frames["curves"][["method", "stage"]].itertuples(index=False, name=None))
    return [one for key, one in SERIES.items() if key in found]


def _cells(frames: Frames) -> pd.DataFrame:
    """What the legend needs of each series."""
    return pd.DataFrame(drawn_series(frames), columns=["model", "backend", "series"]).astype(str)


def draw_learning(frames: Frames, columns: int = 2) -> Drawn:
    """Two panels: bits over iterations, and over seconds."""
    fillings = [partial(_learning, frames=frames, axis=axis) for axis in ("iteration", "seconds")]
    return style.small_multiples(fillings if len(frames["curves"]) else [], _cells(frames), columns)


def _learning(ax: Axes, frames: Frames, axis: str) -> None:
    style.title(ax, "Over iterations" if axis == "iteration" else "Over seconds of training")
    numbers, rows = style.backend_numbers(_cells(frames)), frames["curves"]
    starts = rows[rows["iteration"] > 0][axis]
    for method, stage, _ in drawn_series(frames):
        mine = rows[(rows["method"] == method) & (rows["stage"] == stage)]
        tracks = [
            tuple(run.sort_values("iteration")[name].to_numpy(dtype=float) for name in ("iteration", "bits"))
            for _, run in mine.groupby("seed")
        ]
        # iterations that every seed has had; over seconds each stands where the seeds are on average
        at = np.unique(mine["iteration"].astype(float))
        at = at[at <= min(x[-1] for x, _ in tracks)]
        mean = curve(tracks, at, logarithmic=False)
        if axis == "seconds":
            mean.index = at = (
                mine.groupby("iteration")["seconds"].mean().sort_index().to_numpy(dtype=float)[: len(at)]
            )
        look = style.line_style(method, numbers[method, stage])
        few = {"markevery": max(len(mean) // 6, 1)}
        ax.plot(mean["value"], gid=style.series_id(method, stage), **look | few)
        if mean["low"].notna().all():
            band = ax.fill_between(at, mean["low"], mean["high"], color=look["color"], alpha=0.14, linewidth=0)
            band.set_gid(style.series_id(method, stage))
    unigram = frames["networks"]["unigram_bits"]
    if len(unigram):
        ax.axhline(float(unigram.max()), color=style.MUTED, linewidth=1, linestyle=":")
        above = {"textcoords": "offset points", "ha": "right", "va": "bottom", "fontsize": 8, "color": style.MUTED}
        ax.annotate(
            "letters alone", (0.99, float(unigram.max())), (0, 2), xycoords=ax.get_yaxis_transform(), **above
        )
    ax.set_xlim(max(float(starts.min()), 1e-3) if len(starts) else 1e-3, float(rows[axis].max()) * 1.05)
    style.log_axis(ax, "{:,g}".format if axis == "iteration" else units.seconds, "x")
    ax.set(xlabel="iterations" if axis == "iteration" else "processor's seconds", ylabel="bits a letter")


def draw_trees(frames: Frames, columns: int = 2) -> Drawn:
    """Two panels: the first seed's tree before training, and the one that was fixed."""
    rows = frames["trees"]
    mine = rows[rows["seed"] == rows["seed"].min()]
    fillings = [
        partial(_tree, places=mine[mine["which"] == which].sort_values("number"), heading=TREE_TITLES[which])
        for which in WHICH
        if (mine["which"] == which).any()
    ]
    return style.small_multiples(fillings, _cells(frames).iloc[:0], columns, height=4.4)


def _tree(ax: Axes, places: pd.DataFrame, heading: str) -> None:
    style.title(ax, heading)
    across, down = (places[name].to_numpy(dtype=float) for name in ("across", "down"))
    for number, parent in enumerate(places["parent"].astype(int)):
        if parent >= 0:
            ax.plot(across[[parent, number]], -down[[parent, number]], color=style.MUTED, linewidth=1, zorder=1)
    for x, y, label in zip(across, -down, places["label"], strict=True):
        box = {"boxstyle": "round,pad=0.25", "facecolor": style.PAPER, "edgecolor": style.MUTED, "linewidth": 0.8}
        ax.text(x, y, style.literal(label), ha="center", va="center", fontsize=7, bbox=box, zorder=2)
    ax.set(xticks=[], yticks=[], xlim=(across.min() - 1, across.max() + 1), ylim=(-down.max() - 0.6, 0.6))
    ax.grid(False)
    for side in ax.spines.values():
        side.set_visible(False)


def draw_diversity(frames: Frames, columns: int = 2) -> Drawn:
    """Two panels: different structures of a batch over the search, and the share of the most frequent one."""
    panels = (
        ("distinct", "Different structures of a batch", "structures"),
        ("most", "Share of the most frequent one", "of a batch's trees"),
    )
    fillings = [
        partial(_diversity, frames=frames, column=column, heading=heading, label=label)
        for column, heading, label in panels
    ]
    return style.small_multiples(fillings if len(frames["structures"]) else [], _cells(frames), columns)


def _diversity(ax: Axes, frames: Frames, column: str, heading: str, label: str) -> None:
    rows = frames["structures"]
    trees = rows["trees"].max()
    style.title(ax, heading, f"of {counted(int(trees), 'tree')}" if column == "distinct" else "")
    look = style.line_style(RRNN, style.backend_numbers(_cells(frames)).get((RRNN, SEARCHING), 0))
    for _, mine in rows.groupby("seed"):
        mine = mine.sort_values("iteration")
        x, y = (mine[name].to_numpy(dtype=float) for name in ("iteration", column))
        ax.plot(x, y, color=look["color"], linewidth=1.2, alpha=0.7, gid=style.series_id(RRNN, SEARCHING))
    ax.set(xlabel="iterations of the search", ylabel=label, ylim=(0, None))
    if column == "most":
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
