"""What learning costs: iterations and seconds until a task is solved.

Every seed is drawn, since a mean over those that solved a task would flatter a model that mostly does not.
"""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.experiments.curves import seconds_axis
from analysis.experiments.study import Study, by_place
from analysis.figures import style

ROW_HEIGHT = 0.2
SOLVED = {"iterations": "solved_iteration", "seconds": "solved_seconds"}  # what was spent -> when it was solved


def draw_time_to_solve(study: Study, columns: int = 2) -> Figure:
    """One panel for iterations and one for seconds, a row a group."""
    groups = study.groups[study.groups["ended"]]
    other_place = groups["place"] != groups["place"].shift()
    groups = groups.assign(y=(1 + 0.6 * other_place).cumsum() - 1.6)  # more room between places
    panels = [partial(_time_to_solve, groups=groups, runs=study.runs, spent=spent) for spent in SOLVED]
    height = ROW_HEIGHT * (len(groups) + 0.6 * len(by_place(study.groups))) + 0.7
    return style.small_multiples(panels, groups, columns, max(height, 2.5))


def _time_to_solve(ax: Axes, groups: pd.DataFrame, runs: pd.DataFrame, spent: str) -> None:
    runs, solved = runs[runs["member"] & runs["group"].isin(groups["group"])], SOLVED[spent]
    style.title(ax, spent.capitalize())
    if groups.empty:
        style.say_not_measured(ax, "no run has ended")
        return
    runs = runs.astype({solved: float, spent: float})
    numbers = style.backend_numbers(groups)
    for group in groups.itertuples():
        mine, mean = runs[runs["group"] == group.group], getattr(group, solved)
        look = style.line_style(group.model, numbers[group.model, group.backend])
        dot = {name: look[name] for name in ("marker", "markerfacecolor", "markeredgecolor", "markeredgewidth")}
        cross = {"marker": "x", "markeredgewidth": 2, "color": look["color"]}
        for at, mark in ((mine.loc[mine["met"], solved], dot), (mine.loc[~mine["met"], spent], cross)):
            mark |= {"linestyle": "none", "markersize": 6, "zorder": 4}
            ax.plot(at, [group.y] * len(at), gid=style.series_id(group.model, group.backend), **mark)
        if mean is not None and group.seeds > 1:
            bar = {"color": look["color"], "linewidth": 2, "alpha": 0.5, "zorder": 3}
            ax.hlines(group.y, mean.low, mean.high, gid=style.series_id(group.model, group.backend), **bar)
    places, named = groups.groupby("place", sort=False)["y"], ax.get_subplotspec().is_first_col()
    ax.set_ylim(groups["y"].max() + 0.9, -0.9)
    ax.set_yticks(places.mean(), [style.literal(label) if named else "" for label in places.groups])
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    for boundary in places.min()[1:] - 0.8:
        ax.axhline(boundary, color=style.GRID, linewidth=0.8, zorder=0)
    values = runs[[solved, spent]].to_numpy()
    values = values[values > 0]
    if spent == "seconds":
        seconds_axis(ax, values, runs["clock"])
        return
    ax.set_xlabel(spent)
    ax.set_xlim(min(values, default=1.0) / 1.3, max(values, default=1.0) * 1.3)
    style.log_axis(ax, "{:,.0f}".format, which="x")
