"""What learning costs: time until a task is solved, and score against the time and memory of a step.

Every seed is drawn, since a mean over those that solved a task would flatter a model that mostly does not.
"""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.experiments.curves import Numbers, baseline_at, share_axis
from analysis.experiments.study import Study, by_place, fullest
from analysis.figures import style
from analysis.vocabulary import PEAK_ALLOCATED, STEP_TIME

ROW_HEIGHT, HEIGHT = 0.2, 2.9
SOLVED = {  # title, when it was solved, and what was spent in any case
    "Iterations": ("solved_iteration", "iterations"),
    "Wall-clock seconds of training": ("solved_seconds", "seconds"),
}
COSTS = {STEP_TIME: "training time per time step", PEAK_ALLOCATED: "peak memory of a training step"}


def draw_time_to_solve(study: Study, columns: int = 2) -> Figure:
    """One panel for iterations and one for seconds, a row a group."""
    groups = study.groups[study.groups["ended"]]
    other_place = groups["place"] != groups["place"].shift()
    groups = groups.assign(y=(1 + 0.6 * other_place).cumsum() - 1.6)  # more room between places
    panels = [partial(_time_to_solve, groups=groups, runs=study.runs, title=title) for title in SOLVED]
    height = ROW_HEIGHT * (len(groups) + 0.6 * len(by_place(study.groups))) + 0.7
    return style.small_multiples(panels, groups, columns, max(height, 2.5))


def _time_to_solve(ax: Axes, groups: pd.DataFrame, runs: pd.DataFrame, title: str) -> None:
    style.title(ax, title)
    if groups.empty:
        style.say_not_measured(ax, "no run has ended")
        return
    solved, spent = SOLVED[title]
    runs = runs[runs["member"] & runs["group"].isin(groups["group"])].astype({solved: float, spent: float})
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
        style.value_axis(ax, STEP_TIME, values, which="x")
        return
    ax.set_xlim(min(values, default=1.0) / 1.3, max(values, default=1.0) * 1.3)
    style.log_axis(ax, "{:,.0f}".format, which="x")


def draw_score(study: Study, columns: int = 2) -> Figure:
    """A row a task with a panel for time and one for memory; one word where no memory was measured at all."""
    groups = fullest(study.costs[study.costs["ended"]])
    measured = [metric for metric in COSTS if metric == STEP_TIME or groups[metric].notna().any()]
    panel = partial(_score, numbers=style.backend_numbers(groups))
    panels = [partial(panel, rows=rows, metric=metric) for rows in by_place(groups) for metric in measured]
    if PEAK_ALLOCATED not in measured:
        panels.append(_no_memory)
    return style.small_multiples(panels, groups, columns, HEIGHT)


def _no_memory(ax: Axes) -> None:
    style.title(ax, "Peak memory of a training step")
    style.say_not_measured(ax)


def _score(ax: Axes, rows: pd.DataFrame, metric: str, numbers: Numbers) -> None:
    style.title(ax, rows["place"].iloc[0])
    known = rows.dropna(subset=[metric, "score"])
    if known.empty:
        style.say_not_measured(ax)
        return
    for group in known.itertuples():
        cost, score = getattr(group, metric), group.score
        look = style.line_style(group.model, numbers[group.model, group.backend])
        look |= {"linestyle": "none", "markersize": 11 if group.model == "urnn" else 8}
        if metric == STEP_TIME and not group.benchmarked:
            look |= {"markerfacecolor": style.PAPER, "markeredgecolor": look["color"], "markeredgewidth": 1.8}
        ax.plot([cost], [score.value], gid=style.series_id(group.model, group.backend), **look)
        if group.seeds > 1:
            bar = {"color": look["color"], "linewidth": 1.4, "gid": style.series_id(group.model, group.backend)}
            ax.vlines(cost, score.low, score.high, **bar)
    style.value_axis(ax, metric, known[metric], which="x")
    ax.set(xlabel=COSTS[metric], ylabel=style.literal(rows["score_name"].iloc[0]))
    if all(0 <= score.value <= 1 for score in known["score"]):
        share_axis(ax, 1.05)
    baseline_at(ax, rows["baseline_score"].iloc[0], zorder=2)
