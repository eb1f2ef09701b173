"""Time of a step, commit by commit, with the levels between changes: where the project became faster.

Commits run down the page, because their subjects are the point and need the room of a line each.

Known weakness: only times are drawn; changes of memory are in the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
SUBJECT = {"wide": 62, "narrow": 24}


@dataclass(frozen=True)
class Drawn:
    """What the figure needs."""

    history: History
    changes: Sequence[Change]

    @property
    def commits(self) -> list[Commit]:
        return [one for one in self.history.commits if not one.failure]


def draw(data: Drawn, columns: int = 2) -> Figure:
    """One panel a phase and size; subjects stand beside the first panel of each row."""
    series = [one for one in data.history.series if one.metric == STEP_TIME]
    places = list(dict.fromkeys((one.phase, one.hidden_size) for one in series))
    commits = data.commits
    with style.applied():
        figure, axes = style.panels(len(places), columns, style.width(columns), ROW_HEIGHT * len(commits) + 1.0)
        for number, (ax, place) in enumerate(zip(axes, places, strict=True)):
            mine = [one for one in series if (one.phase, one.hidden_size) == place]
            _panel(ax, mine, commits, data.changes)
            _subjects(
                ax, commits, named=number % columns == 0, length=SUBJECT["narrow" if columns == 1 else "wide"]
            )
        figure.legend(handles=_handles(series), loc="outside upper left", ncols=1 if columns == 1 else 3)
    return figure


def _panel(ax: Axes, series: Sequence[Series], commits: Sequence[Commit], changes: Sequence[Change]) -> None:
    style.title(ax, series[0].place)
    rows = {one.digits: row for row, one in enumerate(commits)}
    for one in series:
        look, identity = _look(one), style.series_id(one.model, one.backend)
        ys = [rows[point.commit.digits] for point in one.points]
        logs = [one.logs(point) for point in one.points]
        middles = np.exp([np.median(values) for values in logs])
        ax.plot(middles, ys, linestyle="none", markersize=5, gid=identity, **look)
        lows, highs = (np.exp([pick(values) for values in logs]) for pick in (np.min, np.max))
        ax.hlines(ys, lows, highs, color=look["color"], linewidth=1, gid=style.series_id(one.model, one.backend))
        _levels(ax, one, ys, [change.at for change in changes if change.series is one], look["color"])
    values = [value for one in series for point in one.points for value in np.exp(one.logs(point))]
    style.value_axis(ax, STEP_TIME, values, which="x")
    ax.set_ylim(len(commits) - 0.4, -0.6)


def _levels(ax: Axes, series: Series, ys: Sequence[int], starts: Sequence[int], colour: str) -> None:
    edges = [0, *sorted(starts), len(ys)]
    for start, end in pairwise(edges):
        level = float(np.exp(series.levels[start:end].mean()))
        identity = style.series_id(series.model, series.backend)
        ax.vlines(level, ys[start] - 0.4, ys[end - 1] + 0.4, color=colour, linewidth=3.5, alpha=0.35, gid=identity)
        if start:
            ring = {"marker": "o", "markersize": 12, "markerfacecolor": "none", "markeredgecolor": colour}
            identity = style.series_id(series.model, series.backend)
            ax.plot(
                [np.exp(series.levels[start])],
                [ys[start]],
                linestyle="none",
                markeredgewidth=1.6,
                gid=identity,
                **ring,
            )


def _subjects(ax: Axes, commits: Sequence[Commit], named: bool, length: int) -> None:
    texts = [f"{style.literal(_cut(one.subject, length))}  {one.name}" if named else "" for one in commits]
    ax.set_yticks(range(len(commits)), texts)
    ax.tick_params(axis="y", length=0, labelsize=7.5)
    ax.grid(True, axis="y")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}\u2026"


def _look(series: Series) -> dict[str, object]:
    full = style.line_style(series.model, 1 if series.backend == "reference" else 0)
    names = ("color", "marker", "markerfacecolor", "markeredgecolor", "markeredgewidth", "zorder")
    return {name: full[name] for name in names}


def _handles(series: Sequence[Series]) -> list[Line2D]:
    known = {(one.model, one.backend): one for one in series}
    return [
        Line2D([], [], label=one.label, linestyle="none", gid=style.series_id(*key), **_look(one))
        for key, one in known.items()
    ]
