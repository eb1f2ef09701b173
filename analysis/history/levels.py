"""Time of a step, commit by commit, with the levels between changes: where the project became faster.

Commits run down the page, because their subjects are the point and need the room of a line each. Only times are
drawn; changes of memory are in the table.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.appearance import look
from analysis.figures import style
from analysis.history.commits import History
from analysis.vocabulary import STEP_TIME

ROW_HEIGHT = 0.21
WIDE_SUBJECT, NARROW_SUBJECT = 62, 24  # characters


def draw(data: tuple[History, pd.DataFrame], columns: int = 2) -> Figure:
    """One panel a phase and size; subjects stand beside the first panel of each row."""
    history, changes = data
    commits = history.measured.reset_index(drop=True)
    points = history.points[history.points["metric"] == STEP_TIME]
    points = points.assign(y=points["commit"].map({digits: y for y, digits in commits["commit"].items()}))
    starts = changes.groupby("number")["at"].apply(sorted).to_dict()
    length = NARROW_SUBJECT if columns == 1 else WIDE_SUBJECT
    subjects = [f"{style.literal(_cut(one.subject, length))}  {one.name}" for one in commits.itertuples()]
    places = points.groupby("place", sort=False)
    with style.applied():
        figure, axes = style.panels(len(places), columns, style.width(columns), ROW_HEIGHT * len(commits) + 1.0)
        for number, (ax, (place, rows)) in enumerate(zip(axes, places, strict=True)):
            style.title(ax, place)
            for series, one in rows.groupby("number"):
                _series(ax, one, [0, *starts.get(series, ()), len(one)])
            style.value_axis(ax, STEP_TIME, np.exp(np.concatenate([*rows["logs"]])), which="x")
            ax.set_ylim(len(commits) - 0.4, -0.6)
            ax.set_yticks(range(len(commits)), [text if number % columns == 0 else "" for text in subjects])
            ax.tick_params(axis="y", length=0, labelsize=7.5)
            ax.grid(True, axis="y")
        handles = [
            Line2D([], [], label=one.series, linestyle="none", **_look(one))
            for one in points.drop_duplicates("series").itertuples()
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=1 if columns == 1 else 3)
    return figure


def _series(ax: Axes, points: pd.DataFrame, edges: list[int]) -> None:
    """Every point with its range, and the levels between the edges."""
    one, ys, logs = next(points.itertuples()), points["y"].to_numpy(), points["logs"]
    ax.plot(np.exp(logs.map(np.median)), ys, linestyle="none", markersize=5, **_look(one))
    ax.hlines(ys, np.exp(logs.map(np.min)), np.exp(logs.map(np.max)), linewidth=1, **_colour(one))
    levels = points["level"].to_numpy()
    for start, end in pairwise(edges):
        level, reach = np.exp(levels[start:end].mean()), (ys[start] - 0.4, ys[end - 1] + 0.4)
        ax.vlines(level, *reach, linewidth=3.5, alpha=0.35, **_colour(one))
        if start:
            ring = {"linestyle": "none", "marker": "o", "markersize": 12, "fillstyle": "none", "mew": 1.6}
            ax.plot([np.exp(levels[start])], [ys[start]], **ring, **_colour(one))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}\u2026"


def _look(one: Any) -> dict[str, object]:
    full = style.line_style(one.model, 1 if one.backend == "reference" else 0)
    names = ("color", "marker", "markerfacecolor", "markeredgecolor", "markeredgewidth", "zorder")
    return {name: full[name] for name in names} | _colour(one)


def _colour(one: Any) -> dict[str, object]:
    return {"color": look(one.model).light, "gid": style.series_id(one.model, one.backend)}
