"""What learning costs: time until a task is solved, seed by seed, and score against the time and memory of a step.

A mean over the seeds that did solve a task would flatter a model that mostly does not, so every seed is drawn, and
one that did not get there is a cross where it stopped. A fast step that never learns is worthless, and so is a
score that nobody can afford. Memory is known only where the benchmark measured the very same step.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from analysis.experiments.curves import baseline_at, plain_ticks, share_axis
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
    heights = (1 + 0.6 * (groups["place"] != groups["place"].shift())).cumsum() - 1.6  # more room between places
    runs = study.runs[study.runs["member"] & study.runs["group"].isin(groups["group"])]
    runs = runs.assign(y=runs["group"].map(heights))
    panels = []
    for title, (solved, spent) in SOLVED.items():
        rows = runs.assign(solved_at=runs[solved], stopped_at=runs[spent], mean=runs["group"].map(groups[solved]))
        panels.append(style.Panel(title, rows=None if rows.empty else rows, said="no run has ended"))
    height = ROW_HEIGHT * (len(groups) + 0.6 * len(by_place(study.groups))) + 0.7
    return style.small_multiples(panels, columns, _time_to_solve, max(height, 2.5))


def _time_to_solve(ax: Axes, rows: pd.DataFrame) -> None:
    numbers = style.backend_numbers(rows)
    for (y, model, backend), mine in rows.groupby(["y", "model", "backend"]):
        look, mean = style.line_style(model, numbers[model, backend]), mine["mean"].iloc[0]
        dot = {name: look[name] for name in ("marker", "markerfacecolor", "markeredgecolor", "markeredgewidth")}
        cross = {"marker": "x", "markeredgewidth": 2, "color": look["color"]}
        met = mine["met"]
        for values, mark in ((mine.loc[met, "solved_at"], dot), (mine.loc[~met, "stopped_at"], cross)):
            gid, at = style.series_id(model, backend), values.astype(float)
            ax.plot(at, np.full(len(at), y), linestyle="none", markersize=6, zorder=4, gid=gid, **mark)
        if mean is not None and len(mine) > 1:
            bar = {"color": look["color"], "linewidth": 2, "alpha": 0.5, "zorder": 3}
            ax.hlines(y, mean.low, mean.high, gid=style.series_id(model, backend), **bar)
    places = rows.groupby("place", sort=False)["y"].unique()
    ax.set_ylim(rows["y"].max() + 0.9, -0.9)
    named = ax.get_subplotspec().is_first_col()
    ax.set_yticks(places.map(np.mean), [style.literal(label) if named else "" for label in places.index])
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    for boundary in places.map(min)[1:] - 0.8:
        ax.axhline(boundary, color=style.GRID, linewidth=0.8, zorder=0)
    values = rows[["solved_at", "stopped_at"]].astype(float).to_numpy()
    values = values[values > 0]
    if ax.get_title(loc="left") != "Iterations":
        style.value_axis(ax, STEP_TIME, values, which="x")
        return
    low, high = (values.min(), values.max()) if len(values) else (1.0, 1.0)
    ax.set_xlim(low / 1.3, high * 1.3)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    plain_ticks(ax.xaxis, "{:,.0f}")


def draw_score(study: Study, columns: int = 2) -> Figure:
    """A row a task with a panel for time and one for memory; one word where no memory was measured at all."""
    groups = fullest(study.costs[study.costs["ended"]])
    measured = [metric for metric in COSTS if metric == STEP_TIME or groups[metric].notna().any()]
    panels = [
        style.Panel(rows["place"].iloc[0], rows=rows.assign(metric=metric, cost=rows[metric]))
        for rows in by_place(groups)
        for metric in measured
    ]
    if PEAK_ALLOCATED not in measured:
        panels.append(style.Panel("Peak memory of a training step"))
    return style.small_multiples(panels, columns, _score, HEIGHT)


def _score(ax: Axes, rows: pd.DataFrame) -> None:
    numbers, metric = style.backend_numbers(rows), rows["metric"].iloc[0]
    known = rows[rows["cost"].notna() & rows["score"].notna()]
    if known.empty:
        style.say_not_measured(ax)
        return
    for group in known.itertuples():
        look = style.line_style(group.model, numbers[group.model, group.backend])
        look |= {"linestyle": "none", "markersize": 11 if group.model == "urnn" else 8}
        if metric == STEP_TIME and not group.benchmarked:
            look |= {"markerfacecolor": style.PAPER, "markeredgecolor": look["color"], "markeredgewidth": 1.8}
        ax.plot([group.cost], [group.score.value], gid=style.series_id(group.model, group.backend), **look)
        if group.seeds > 1:
            bar = {"color": look["color"], "linewidth": 1.4, "gid": style.series_id(group.model, group.backend)}
            ax.vlines(group.cost, group.score.low, group.score.high, **bar)
    style.value_axis(ax, metric, known["cost"], which="x")
    ax.set(xlabel=COSTS[metric], ylabel=style.literal(rows["score_name"].iloc[0]))
    if all(0 <= score.value <= 1 for score in known["score"]):
        share_axis(ax, 1.05)
    baseline_at(ax, rows["baseline_score"].iloc[0], zorder=2)
