"""The drawing style that all figures share: sizes, fonts, axes and how a series is drawn.

Text stays text in SVG, and the roles of ink, grid and paper have colours of their own, so that the page can
exchange them for a dark one without drawing anything twice. Text is laid out with the metrics of DejaVu Sans; a
browser that shows another font shifts it a little.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import count, groupby
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from analysis import units
from analysis.appearance import BEST, Series, look, order
from analysis.errors import shortened
from analysis.vocabulary import MEASURED, OUT_OF_MEMORY, PEAK_ALLOCATED

# Roles, not just colours: the page replaces exactly these values by its own variables.
INK, MUTED, GRID, PAPER = "#1d2126", "#5a626b", "#dcdfe4", "#fefefe"

WIDE, NARROW = 11.0, 4.3
PANEL_HEIGHT = 3.5
LEGEND_ROW = 0.21
SERIES_ID = "series"


def width(columns: int) -> float:
    """Inches: one column means a narrow screen."""
    return NARROW if columns == 1 else WIDE


RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "font.size": 9.3,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": PAPER,
    "grid.color": GRID,
    "legend.frameon": False,
    "path.simplify_threshold": 0.3,
    "text.color": INK,
    **dict.fromkeys(("xtick.color", "ytick.color"), MUTED),
    **dict.fromkeys(("xtick.labelcolor", "ytick.labelcolor"), INK),
    "svg.fonttype": "none",
    "svg.hashsalt": "analysis",
}

LONGEST_TEXT = 60
# Round values within a power of the base, by how much a logarithmic axis spans.
MARKS = {
    10: ((30, (1, 2, 5)), (5000, (1, 3)), (np.inf, (1,))),
    2: ((1.5, np.arange(1, 2, 0.125)), (3, np.arange(1, 2, 0.25)), (10, (1, 1.5)), (np.inf, (1,))),
}
EVEN = 3  # up to this a decimal axis has ticks at even distances
LEAST_DRAWN = 1e-30  # nothing that was measured is as small, or as large as its inverse
_ids = count()


@cache
def _settings() -> dict[str, object]:
    """Every setting of matplotlib but the backend, which no figure here draws with."""
    plain = {name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith("backend")}
    return {**plain, **sns.axes_style("ticks"), **RC}


@contextmanager
def applied() -> Iterator[None]:
    """Seaborn's ticks style with this module's roles, for drawing and for saving.

    No user's matplotlibrc or theme reaches a figure, and artists are numbered from zero: the same data gives the
    same bytes anywhere.
    """
    global _ids
    _ids = count()
    with mpl.rc_context(_settings()), warnings.catch_warnings():
        # A label in a script that DejaVu lacks is boxes in PNG; in SVG the browser's fonts show it.
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        yield


def literal(text: str) -> str:
    """A text from outside as matplotlib must be given it to show it: on one line, and no formula."""
    return _one_line(text).replace("$", r"\$")


def wrapped(text: str, width: int) -> str:
    """The same on lines of so many characters; an escape is put in after the breaks, or one could break it."""
    return "\n".join(line.replace("$", r"\$") for line in wrap(_one_line(text), width))


def _one_line(text: str) -> str:
    return shortened(" ".join(text.split()), LONGEST_TEXT)


def panels(number: int, columns: int, width: float, height: float = PANEL_HEIGHT) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels in so many columns; width of the figure and height of a panel in inches."""
    columns = min(columns, number)
    rows = -(-number // columns)
    figure = Figure(figsize=(width, rows * height + 0.5), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.04, hspace=0.06)
    axes = list(np.atleast_1d(figure.subplots(rows, columns)).flat)
    for spare in axes[number:]:
        spare.set_visible(False)
    return figure, axes[:number]


def small_multiples(
    fillings: Sequence[Callable[[Axes], object]],
    cells: pd.DataFrame,
    columns: int,
    height: float = PANEL_HEIGHT,
    nothing: str = "not measured",
) -> Figure:
    """A figure of panels, each drawn by a function, and a legend of those series of the cells that are in it.

    Without any it says `nothing`.
    """
    with applied():
        figure, axes = panels(max(len(fillings), 1), columns, width(columns), height)
        for ax, fill in zip(axes, fillings or [partial(say_not_measured, what=nothing)], strict=True):
            fill(ax)
        legend(figure, cells)
    return figure


def say_not_measured(ax: Axes, what: str = "not measured") -> None:
    """An empty panel that says so, rather than a missing one."""
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    look = {"ha": "center", "va": "center", "color": MUTED, "fontsize": 12, "style": "italic"}
    ax.text(0.5, 0.5, what, transform=ax.transAxes, **look)


def title(ax: Axes, main: str, detail: str = "") -> None:
    """Panel title in bold with what is held fixed beneath it."""
    main, detail = literal(main), literal(detail)
    ax.set_title(f"{main}\n" if detail else main, linespacing=1.35)
    if detail:
        ax.text(0, 1.02, detail, transform=ax.transAxes, ha="left", va="bottom", color=MUTED, fontsize=9)


def series_in_order(cells: pd.DataFrame) -> list[Series]:
    """Each series, in the order of the legend: ways as the registry has them, but the uRNN's reference last."""
    known = cells[["model", "backend", "series"]].drop_duplicates().astype(str)
    models = order(known["model"])
    places = {} if "place" not in cells else cells.groupby(["model", "backend"])["place"].min().dropna().to_dict()

    def rank(one: Series) -> tuple[object, ...]:
        place = places.get((one.model, one.backend), np.inf)
        return models.index(one.model), one.backend == "reference", place, one.backend

    return sorted(map(Series._make, known.to_numpy()), key=rank)


def by_series(cells: pd.DataFrame) -> Iterator[tuple[Series, pd.DataFrame]]:
    """Each series with its rows, in the order of the legend."""
    for one in series_in_order(cells):
        yield one, cells[(cells["model"] == one.model) & (cells["backend"] == one.backend)]


def rivals_in_order(cells: pd.DataFrame) -> list[Series]:
    """Each model but the uRNN at its best, in the order of the legend; its way is named where it has but one."""
    labels, ways = dict(zip(cells["model"], cells["label"], strict=True)), {}
    for one in series_in_order(cells):
        ways.setdefault(one.model, []).append(one)
    return [
        Series(model, BEST, labels[model] if len(mine) > 1 else mine[0].label)
        for model, mine in ways.items()
        if model != "urnn"
    ]


def line_style(model: str, backend_number: int) -> dict[str, object]:
    """Keywords for a line of one model; its further backends keep the colour, dashed with hollow markers."""
    this, hero, first = look(model), model == "urnn", backend_number == 0
    dashes = this.dashes if first else (1 + 3 * backend_number, 1.5)
    size = 10 if this.marker == "*" else 6  # a star of one size looks smaller
    return {
        "color": this.light,
        "marker": this.marker,
        "linestyle": "-" if dashes == "" else (0, dashes),
        "linewidth": 2.8 if hero else 1.6,
        "markersize": 7.5 if hero else size,
        "markerfacecolor": this.light if first else PAPER,
        "markeredgecolor": PAPER if first else this.light,
        "markeredgewidth": 0.8 if first else 1.5,
        "zorder": 4 if hero else 3,
    }


def backend_numbers(cells: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Number of each series among the backends of its model, from 0."""
    models = groupby(series_in_order(cells), key=lambda one: one.model)
    return {(one.model, one.backend): number for _, same in models for number, one in enumerate(same)}


def series_id(model: str, backend: str) -> str:
    """Identity of a drawn artist, by which the page finds all artists of one series."""
    return f"{SERIES_ID}:{next(_ids)}:{model}:{backend}"


def lines(ax: Axes, cells: pd.DataFrame, x: str, numbers: dict[tuple[str, str], int]) -> None:
    """One line a series over column `x` with its interval as band and bars."""
    for (model, backend, _), mine in by_series(cells):
        measured = mine[mine["outcome"] == MEASURED].sort_values(x)
        if measured.empty:
            continue
        sizes, value, low, high = (measured[name].to_numpy(dtype=float) for name in (x, "value", "low", "high"))
        style = line_style(model, numbers[model, backend])
        bars = {"color": style["color"], "zorder": style["zorder"]}
        ax.plot(sizes, value, gid=series_id(model, backend), **style)
        ax.fill_between(sizes, low, high, alpha=0.16, linewidth=0, gid=series_id(model, backend), **bars)
        ax.vlines(sizes, low, high, linewidth=1.4, gid=series_id(model, backend), **bars)


def out_of_memory(ax: Axes, cells: pd.DataFrame, x: str) -> None:
    """A cross for each cell that ran out of memory, in head-room above the lines; call after the axes are set."""
    failed = cells[cells["outcome"] == OUT_OF_MEMORY]
    if failed.empty:
        return
    level = failed.groupby(x).cumcount()
    room = 0.08 * (level.max() + 1.5)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** room)
    place = ax.get_xaxis_transform()
    cross = {"marker": "x", "markersize": 7.5, "markeredgewidth": 2.4, "transform": place}
    words = {"textcoords": "offset points", "ha": "right", "va": "center", "fontsize": 8.5, "color": MUTED}
    for (model, backend, size), below in zip(failed[["model", "backend", x]].to_numpy(), level, strict=True):
        height = 1 - 0.08 * (below + 0.6) / (1 + room)
        ax.plot([size], [height], gid=series_id(model, backend), color=look(model).light, **cross)
        if below == 0:
            ax.annotate("out of memory", (size, height), (-8, 0), xycoords=place, **words)


def size_axis(ax: Axes, sizes: Sequence[int], label: str) -> None:
    """A logarithmic x axis ticked at the measured sizes; labels that would collide are left out."""
    ticks = sorted({int(size) for size in sizes})
    ax.set_xscale("log", base=2)
    ax.set_xlim(ticks[0] / 1.15, ticks[-1] * 1.15)
    span = np.log(ticks[-1] * 1.15**2 / ticks[0])
    shown: list[int] = []
    for tick in ticks:
        if not shown or np.log(tick / shown[-1]) > 0.09 * span:
            shown.append(tick)
    ax.set_xticks(shown, list(map(str, shown)))
    ax.minorticks_off()
    ax.set_xlabel(label)


def value_axis(ax: Axes, metric: str, values: Sequence[float], which: str = "y") -> None:
    """A logarithmic axis for times (s) or memory (B), ticked at round values with their units."""
    known = np.asarray(values, dtype=float)
    known = known[(known > LEAST_DRAWN) & (known < 1 / LEAST_DRAWN)]
    low, high = (known.min(), known.max()) if len(known) else (1.0, 10.0)  # zeros alone: bytes, say
    margin = max((high / low) ** 0.07, 1.15)
    # Limits come first: without any, a logarithmic axis warns where all it has is zeros.
    ax.set(**{f"{which}lim": (low / margin, high * margin)})
    scale, base = (units.BYTE_UNITS, 2) if metric == PEAK_ALLOCATED else (units.TIME_UNITS, 10)
    log_axis(ax, lambda value: units.tick(value, scale), which, base)


def log_axis(ax: Axes, text: Callable[[float], str], which: str = "y", base: int = 10) -> None:
    """A logarithmic axis of what its limits are, ticked at round values: the closer, the less it spans."""
    ax.set(**{f"{which}scale": "log"})
    axis = ax.yaxis if which == "y" else ax.xaxis
    low, high = axis.get_view_interval()
    marks = next(marks for most, marks in MARKS[base] if high / low < most)
    even = base == 10 and high / low < EVEN
    axis.set_major_locator(MaxNLocator(5) if even else LogLocator(base, marks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))


def legend(figure: Figure, cells: pd.DataFrame) -> None:
    """The series that were drawn, above the panels, with the markers and dashes that the panels use."""
    drawn = {str(artist.get_gid()).partition(f"{SERIES_ID}:")[2].partition(":")[2] for artist in figure.findobj()}
    numbers = backend_numbers(cells)
    series = [one for one in series_in_order(cells) if one.identity in drawn]
    if not series:
        return
    handles = [
        Line2D([], [], gid=series_id(model, backend), **line_style(model, numbers[model, backend]))
        for model, backend, _ in series
    ]
    look: dict[str, Any] = {"ncols": 4, "handlelength": 2.8, "columnspacing": 1.6}
    if figure.get_figwidth() < WIDE:
        look = {"ncols": 2, "handlelength": 2.2, "columnspacing": 0.8, "fontsize": 8.5}
    labels = [one.label for one in series]
    made = _legend(figure, handles, labels, look)
    while made.get_window_extent().width > figure.bbox.width and look["ncols"] > 1:
        made.remove()
        look["ncols"] -= 1
        made = _legend(figure, handles, labels, look)
    rows = -(-len(series) // look["ncols"])
    # A long legend would squeeze the panels.
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW * max(0, rows - 3))


def _legend(figure: Figure, handles: list[Line2D], labels: list[str], look: dict[str, Any]) -> Legend:
    """Labels are written in afterwards, because a legend leaves out those that begin with an underscore."""
    made = figure.legend(handles, ["label"] * len(handles), loc="outside upper left", labelspacing=0.45, **look)
    for text, label in zip(made.get_texts(), labels, strict=True):
        text.set_text(literal(label))
    return made
