"""Iterations and seconds until a task is solved, seed by seed: the answer that learning curves only suggest.

A mean over the seeds that did solve it would flatter a model that mostly does not, so every seed is drawn, and one
that did not get there is a cross where it stopped.
"""

from __future__ import annotations

from functools import partial
from itertools import accumulate, pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from analysis.experiments.figures import parts
from analysis.experiments.study import Group, Study, by_place
from analysis.figures import style
from analysis.vocabulary import STEP_TIME

ROW_HEIGHT = 0.2
TITLES = {"iterations": "Iterations", "seconds": "Wall-clock seconds of training"}
SOLVED = {"iterations": "solved_iteration", "seconds": "solved_seconds"}


def draw(study: Study, columns: int = 2) -> Figure:
    """One panel for iterations and one for seconds, a row a group."""
    found = [group for group in study.groups if group.ended]
    height = max(ROW_HEIGHT * (len(found) + 0.6 * len(by_place(study.groups))) + 0.7, 2.5)
    panels = [
        partial(_panel, found=found, axis=axis, named=number % columns == 0) for number, axis in enumerate(TITLES)
    ]
    return parts.grid(panels, found, columns, height)


def _panel(ax: Axes, found: list[Group], axis: str, named: bool) -> None:
    style.title(ax, TITLES[axis])
    if not found:
        style.say_not_measured(ax, "no run has ended")
        return
    places = pd.Series([group.place.label for group in found])
    steps = [1.6 if before != place else 1.0 for before, place in pairwise(places)]
    heights = pd.Series(list(accumulate(steps, initial=0.0)))  # more room between places
    for (group, look), y in zip(parts.drawn(found), heights, strict=True):
        members, solved = group.members, group.members[SOLVED[axis]]
        there = solved.dropna().to_numpy(dtype=float)
        dot = {name: look[name] for name in ("marker", "markerfacecolor", "markeredgecolor", "markeredgewidth")}
        ax.plot(
            there, np.full(len(there), y), linestyle="none", markersize=6, zorder=4, gid=parts.gid(group), **dot
        )
        stopped = members.loc[solved.isna(), axis].to_numpy(dtype=float)
        cross = {"linestyle": "none", "marker": "x", "markersize": 6, "markeredgewidth": 2, "color": look["color"]}
        ax.plot(stopped, np.full(len(stopped), y), zorder=4, gid=parts.gid(group), **cross)
        mean = group.across(SOLVED[axis], logarithmic=True)
        if mean and mean.seeds > 1:
            bar = {"color": look["color"], "linewidth": 2, "alpha": 0.5, "zorder": 3}
            ax.hlines(y, mean.low, mean.high, gid=parts.gid(group), **bar)
    middles = heights.groupby(places, sort=False).mean()
    ax.set_ylim(heights.max() + 0.9, -0.9)
    ax.set_yticks(middles, [style.literal(label) if named else "" for label in middles.index])
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    for boundary in heights[places != places.shift(fill_value=places[0])] - 0.8:
        ax.axhline(boundary, color=style.GRID, linewidth=0.8, zorder=0)
    _amount_axis(ax, found, axis)


def _amount_axis(ax: Axes, found: list[Group], axis: str) -> None:
    members = pd.concat([group.members[[SOLVED[axis], axis]].astype(float) for group in found])
    values = members.to_numpy()
    values = values[values > 0]
    if axis == "seconds":
        style.value_axis(ax, STEP_TIME, values, which="x")
        return
    low, high = (values.min(), values.max()) if len(values) else (1.0, 1.0)
    ax.set_xlim(low / 1.3, high * 1.3)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    parts.plain_ticks(ax.xaxis, "{:,.0f}")
