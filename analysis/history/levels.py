"""Time of a step, commit by commit, with the levels between changes: where the project became faster.

Commits run down the page, because their subjects are the point and need the room of a line each. Only times are
drawn; changes of memory are in the table.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    panel = partial(_panel, starts=starts, subjects=subjects, numbers=style.backend_numbers(points))
    panels = [partial(panel, points=here) for _, here in places]
    return style.small_multiples(panels, points, columns, ROW_HEIGHT * len(commits) + 1.0)


def _panel(ax: Axes, points: pd.DataFrame, starts: Mapping, subjects: Sequence[str], numbers: Mapping) -> None:
    style.title(ax, points["place"].iloc[0])
    for number, one in points.groupby("number"):
        model, backend = one[["model", "backend"]].iloc[0]
        look = style.line_style(model, numbers[model, backend]) | {"linestyle": "none", "markersize": 5}
        _series(ax, one, [0, *starts.get(number, ()), len(one)], look, partial(style.series_id, model, backend))
    style.value_axis(ax, STEP_TIME, np.exp(np.concatenate([*points["logs"]])), which="x")
    ax.set_ylim(len(subjects) - 0.4, -0.6)
    first = ax.get_subplotspec().is_first_col()
    ax.set_yticks(range(len(subjects)), subjects if first else [""] * len(subjects))
    ax.tick_params(axis="y", length=0, labelsize=7.5)
    ax.grid(True, axis="y")


def _series(
    ax: Axes, points: pd.DataFrame, edges: Sequence[int], look: dict[str, object], gid: Callable[[], str]
) -> None:
    """Every point with its range, and the levels between the edges."""
    ys, logs, levels = points["y"].to_numpy(), points["logs"], points["level"].to_numpy()
    ax.plot(np.exp(logs.map(np.median)), ys, gid=gid(), **look)
    ax.hlines(ys, np.exp(logs.map(np.min)), np.exp(logs.map(np.max)), linewidth=1, color=look["color"], gid=gid())
    for start, end in pairwise(edges):
        level, bar = np.exp(levels[start:end].mean()), {"linewidth": 3.5, "alpha": 0.35, "color": look["color"]}
        ax.vlines(level, ys[start] - 0.4, ys[end - 1] + 0.4, gid=gid(), **bar)
        if start:
            ring = {"marker": "o", "markersize": 12, "fillstyle": "none", "mew": 1.6, "color": look["color"]}
            ax.plot([np.exp(levels[start])], [ys[start]], gid=gid(), **ring)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}\u2026"
