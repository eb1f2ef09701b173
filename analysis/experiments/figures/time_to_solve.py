"""Iterations and seconds until a task is solved, seed by seed: the answer that learning curves only suggest.

Why: a mean over the seeds that did solve it would flatter a model that mostly does not, so every seed is drawn,
and one that did not get there is a cross where it stopped.

Known weakness: solved is known to the evaluation, every 50 iterations by default, and no better.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.experiments.groups import Group, cells
from analysis.experiments.study import Study
from analysis.figures import style
from analysis.vocabulary import STEP_TIME

ROW_HEIGHT = 0.2
PANELS = (("iterations", "solved_iteration", "iterations"), ("seconds", "solved_seconds", "seconds"))
TITLES = {"iterations": "Iterations", "seconds": "Wall-clock seconds of training"}


def draw(study: Study, columns: int = 2) -> Figure:
    """One panel for iterations and one for seconds, a row a group."""
    found = [group for group in study.groups if group.ended]
    with style.applied():
        height = max(ROW_HEIGHT * (len(found) + 0.6 * len(study.places)) + 0.7, 2.5)
        figure, axes = style.panels(len(PANELS), columns, style.width(columns), height)
        for number, (ax, (reached, solved, axis)) in enumerate(zip(axes, PANELS, strict=True)):
            style.title(ax, TITLES[axis])
            if not found:
                style.say_not_measured(ax, "no run has ended")
                continue
            _panel(ax, found, reached, solved, named=number % columns == 0)
        if found:
            style.legend(figure, cells(found))
    return figure


def _panel(ax: Axes, found: list[Group], reached: str, solved: str, named: bool) -> None:
    numbers = style.backend_numbers(cells(found))
    heights, ticks, boundaries = _rows(found)
    for group, y in zip(found, heights, strict=True):
        look = style.line_style(group.model, numbers[group.model, group.variant])
        _group(ax, group, y, reached, solved, look)
    ax.set_ylim(max(heights) + 0.9, -0.9)
    ax.set_yticks(list(ticks.values()), [style.literal(label) if named else "" for label in ticks])
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    for boundary in boundaries:
        ax.axhline(boundary, color=style.GRID, linewidth=0.8, zorder=0)
    values = [*_values(found, solved), *_values(found, reached)]
    if reached == "seconds":
        style.value_axis(ax, STEP_TIME, values, which="x")
    else:
        ax.set_xlim(min(values, default=1) / 1.3, max(values, default=1) * 1.3)
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        ax.xaxis.set_minor_formatter(NullFormatter())


def _rows(found: list[Group]) -> tuple[list[float], dict[str, float], list[float]]:
    """Height of each group, of each place's label (its middle), and of the lines between places."""
    heights, by_place, boundaries = [], {}, []
    y = -1.0
    for group in found:
        if group.place.label not in by_place and heights:
            boundaries.append(y + 0.8)
            y += 0.6
        y += 1
        heights.append(y)
        by_place.setdefault(group.place.label, []).append(y)
    return heights, {label: float(np.mean(ys)) for label, ys in by_place.items()}, boundaries


def _values(found: list[Group], column: str) -> list[float]:
    values = np.concatenate([group.members[column].dropna().to_numpy(dtype=float) for group in found])
    return [float(value) for value in values if value > 0]


def _group(ax: Axes, group: Group, y: float, reached: str, solved: str, look: dict[str, object]) -> None:
    colour = look["color"]
    dot = {name: look[name] for name in ("marker", "markerfacecolor", "markeredgecolor", "markeredgewidth")}
    members = group.members
    there = members[solved].dropna().to_numpy(dtype=float)
    not_there = members.loc[members[solved].isna(), reached].to_numpy(dtype=float)
    identity = style.series_id(group.model, group.variant)
    ax.plot(there, np.full(len(there), y), linestyle="none", markersize=6, zorder=4, gid=identity, **dot)
    cross = {"linestyle": "none", "marker": "x", "markersize": 6, "markeredgewidth": 2, "color": colour}
    identity = style.series_id(group.model, group.variant)
    ax.plot(not_there, np.full(len(not_there), y), zorder=4, gid=identity, **cross)
    mean = group.across(solved, logarithmic=True)
    if mean and mean.seeds > 1:
        bar = {"color": colour, "linewidth": 2, "alpha": 0.5, "zorder": 3}
        ax.hlines(y, mean.low, mean.high, gid=style.series_id(group.model, group.variant), **bar)
