"""Time of a step, commit by commit, with the levels between changes: where the project became faster.

Commits run down the page, because their subjects are the point and need the room of a line each. Only times are
drawn; changes of memory are in the table.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures import style
from analysis.history.changes import Change
from analysis.history.commits import Commit, History, Series
from analysis.vocabulary import STEP_TIME

TITLE = "Time of a step over the project's commits"
CAPTION = (
    "Each dot is a commit's median over processes, with the processes' range; thick lines are the levels between "
    "the changes that were found, and a ring marks the first commit of a new level. What the sentinel drifted is "
    "taken out of the others. Newest commits are at the bottom; further left is faster."
)
ROW_HEIGHT = 0.21
WIDE_SUBJECT, NARROW_SUBJECT = 62, 24  # characters


def draw(data: tuple[History, Sequence[Change]], columns: int = 2) -> Figure:
    """One panel a phase and size; subjects stand beside the first panel of each row."""
    history, changes = data
    commits = [one for one in history.commits if not one.failure]
    series = [one for one in history.series if one.metric == STEP_TIME]
    places = list(dict.fromkeys(one.place for one in series))
    length = NARROW_SUBJECT if columns == 1 else WIDE_SUBJECT
    subjects = [f"{style.literal(_cut(one.subject, length))}  {one.name}" for one in commits]
    with style.applied():
        figure, axes = style.panels(len(places), columns, style.width(columns), ROW_HEIGHT * len(commits) + 1.0)
        for number, (ax, place) in enumerate(zip(axes, places, strict=True)):
            style.title(ax, place)
            _panel(ax, [one for one in series if one.place == place], commits, changes)
            ax.set_yticks(range(len(commits)), [text if number % columns == 0 else "" for text in subjects])
            ax.tick_params(axis="y", length=0, labelsize=7.5)
            ax.grid(True, axis="y")
        variants = {one.label: one for one in series}
        handles = [Line2D([], [], label=label, linestyle="none", **_look(one)) for label, one in variants.items()]
        figure.legend(handles=handles, loc="outside upper left", ncols=1 if columns == 1 else 3)
    return figure


def _panel(ax: Axes, series: Sequence[Series], commits: Sequence[Commit], changes: Sequence[Change]) -> None:
    rows = {one.digits: row for row, one in enumerate(commits)}
    drawn: list[float] = []
    for one in series:
        ys = [rows[point.commit.digits] for point in one.points]
        times = [np.exp(one.logs(point)) for point in one.points]
        middles = [np.exp(np.median(one.logs(point))) for point in one.points]
        ax.plot(middles, ys, linestyle="none", markersize=5, **_look(one))
        lows, highs = ([pick(values) for values in times] for pick in (np.min, np.max))
        ax.hlines(ys, lows, highs, linewidth=1, **_colour(one))
        _levels(ax, one, ys, sorted(change.at for change in changes if change.series is one))
        drawn += [value for values in times for value in values]
    style.value_axis(ax, STEP_TIME, drawn, which="x")
    ax.set_ylim(len(commits) - 0.4, -0.6)


def _levels(ax: Axes, series: Series, ys: Sequence[int], starts: Sequence[int]) -> None:
    for start, end in pairwise([0, *starts, len(ys)]):
        level = float(np.exp(series.levels[start:end].mean()))
        ax.vlines(level, ys[start] - 0.4, ys[end - 1] + 0.4, linewidth=3.5, alpha=0.35, **_colour(series))
        if start:
            at = [np.exp(series.levels[start])], [ys[start]]
            ax.plot(*at, linestyle="none", marker="o", markersize=12, fillstyle="none", mew=1.6, **_colour(series))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}\u2026"


def _look(series: Series) -> dict[str, object]:
    full = style.line_style(series.model, 1 if series.backend == "reference" else 0)
    names = ("color", "marker", "markerfacecolor", "markeredgecolor", "markeredgewidth", "zorder")
    return {name: full[name] for name in names} | {"gid": style.series_id(series.model, series.backend)}


def _colour(series: Series) -> dict[str, object]:
    return {name: value for name, value in _look(series).items() if name in ("color", "gid")}
