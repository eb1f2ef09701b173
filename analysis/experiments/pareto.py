"""Score over what it costs, and the Pareto front: what no model beats in both.

Over seconds every model is a curve of the best score so far, and the front is the highest of their means at each
moment. Over memory a model is a point, and the front is a staircase through those that no other is left of and
above.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.experiments.curves import Numbers, baseline_at, seconds_axis, share_axis
from analysis.experiments.reached import last_seconds, reached
from analysis.experiments.study import Study, by_place
from analysis.figures import style
from analysis.statistics.seeds import Floats
from analysis.vocabulary import PEAK_ALLOCATED

HEIGHT = 2.7
POINTS = 120
FRONT = {"color": style.MUTED, "alpha": 0.3, "linewidth": 6, "solid_capstyle": "butt", "zorder": 1}


def draw_seconds(study: Study, columns: int = 3) -> Figure:
    """A panel a place: the best validation score so far over seconds of training."""
    rows = study.with_runs(study.logs.evaluations).dropna(subset=["score"])
    panel = partial(_over_seconds, numbers=style.backend_numbers(rows))
    panels = [partial(panel, rows=here) for here in by_place(rows)]
    nothing = partial(style.say_not_measured, what="no evaluation yet")
    return style.small_multiples(panels or [nothing], rows, columns, HEIGHT)


def _over_seconds(ax: Axes, rows: pd.DataFrame, numbers: Numbers) -> None:
    style.title(ax, rows["place"].iloc[0])
    seconds = rows["seconds"].astype(float)
    seconds = seconds[seconds > 0]
    first, last = (seconds.min(), seconds.max()) if len(seconds) else (1.0, 10.0)
    x = np.unique([*np.geomspace(first, last, POINTS), last])
    means = []
    for one, mine in style.by_series(rows):
        look = style.line_style(one.model, numbers[one.model, one.backend])
        for _, group in mine.groupby("group"):
            found = reached(group, x).dropna(subset=["value"])
            means.append(found["value"].reindex(x))
            found = found[: _end(group)]
            wide = {"linewidth": 2.4 if one.model == "urnn" else 1.6, "markersize": 5}
            wide |= {"markevery": max(len(found) // 4, 1), "drawstyle": "steps-post"}
            ax.plot(found["value"], gid=style.series_id(*one[:2]), **look | wide)
            if found["low"].notna().any():
                band = {"color": look["color"], "alpha": 0.1, "linewidth": 0, "step": "post"}
                low, high = found["low"].clip(lower=0), found["high"].clip(upper=1)
                ax.fill_between(found.index, low, high, gid=style.series_id(*one[:2]), **band)
    ax.plot(pd.concat(means, axis=1).max(axis=1).cummax(), drawstyle="steps-post", **FRONT)
    _score_axis(ax, rows)
    seconds_axis(ax, [first, last], rows["clock"])


def _end(group: pd.DataFrame) -> float:
    """Up to where a group's curve is drawn: its runs that ended with their goal are no longer trained."""
    return min(last_seconds(group), float(group["seconds"].max()))


def draw_memory(study: Study, columns: int = 3) -> Figure:
    """A panel a place of which a training step's memory was measured: the score at the end over it."""
    groups = study.groups.assign(memory=study.memory)
    groups = groups[groups["ended"] & (groups["memory"] > 0)].dropna(subset=["score"])
    panel = partial(_over_memory, numbers=style.backend_numbers(groups))
    panels = [partial(panel, rows=rows) for rows in by_place(groups)]
    return style.small_multiples(panels, groups, columns, HEIGHT if panels else HEIGHT / 2)


def _over_memory(ax: Axes, rows: pd.DataFrame, numbers: Numbers) -> None:
    style.title(ax, rows["place"].iloc[0])
    for group in rows.itertuples():
        look = style.line_style(group.model, numbers[group.model, group.backend])
        look |= {"linestyle": "none", "markersize": 11 if group.model == "urnn" else 8}
        gid = partial(style.series_id, group.model, group.backend)
        ax.plot([group.memory], [group.score.value], gid=gid(), **look)
        if group.seeds > 1:
            ax.vlines(
                group.memory, group.score.low, group.score.high, color=look["color"], linewidth=1.4, gid=gid()
            )
    costs, scores = rows["memory"].to_numpy(), np.array([score.value for score in rows["score"]])
    middle = np.sqrt(costs.min() * costs.max())  # at least a factor of four, or labels would touch
    style.value_axis(ax, PEAK_ALLOCATED, [*costs, middle / 2, middle * 2], which="x")
    on_it = front(costs, scores)
    right = ax.get_xlim()[1]
    ax.plot([*costs[on_it], right], [*scores[on_it], scores.max()], drawstyle="steps-post", **FRONT)
    _score_axis(ax, rows)
    ax.set_xlabel("peak memory of a training step")


def front(costs: Floats, scores: Floats) -> NDArray[np.intp]:
    """Which points no other has at most the cost and at least the score of, by cost: their numbers."""
    order = np.lexsort((-scores, costs))
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(scores[order])[:-1]])
    return order[scores[order] > best_before]


def _score_axis(ax: Axes, rows: pd.DataFrame) -> None:
    ax.set_ylabel(style.literal(rows["score_name"].iloc[0]))
    values = np.concatenate([line.get_ydata() for line in ax.lines])
    if np.nanmin(values, initial=0) >= 0 and np.nanmax(values, initial=1) <= 1:
        share_axis(ax, 1.05)
    baseline_at(ax, rows["baseline_score"].iloc[0], zorder=2)
