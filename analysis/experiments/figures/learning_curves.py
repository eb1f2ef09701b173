"""Loss or score along an axis, a panel for each task and length: what three figures have in common.

Why: the mean across seeds carries the claim, the single runs behind it show how far to trust it, and the dashed
baseline says what an answer without any memory reaches.

Known weakness: with one seed there is no interval to draw.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

from analysis.experiments.curves import apart, mean_curve
from analysis.experiments.groups import Group, cells
from analysis.experiments.schema import DIVERGED
from analysis.experiments.seeds import LEAST_POSITIVE
from analysis.experiments.study import Study
from analysis.figures import style
from analysis.vocabulary import STEP_TIME

HEIGHT = 2.7


def draw(study: Study, columns: int = 3, *, axis: str, quantity: str) -> Figure:
    """`axis` is "iteration" or "seconds", `quantity` "loss" or "score"; places not evaluated are left out."""
    with style.applied():
        shown = {place: found for place, found in study.places.items() if _points(found, axis, quantity)}
        figure, axes = style.panels(max(len(shown), 1), columns, style.width(columns), HEIGHT)
        if not shown:
            style.say_not_measured(axes[0], "no evaluation yet")
            return figure
        for ax, (place, found) in zip(axes, shown.items(), strict=True):
            style.title(ax, place.label)
            _panel(ax, found, axis, quantity)
        style.legend(figure, cells([group for found in shown.values() for group in found]))
    return figure


def _points(found: Sequence[Group], axis: str, quantity: str) -> list[float]:
    """All positions on the axis at which any run was evaluated."""
    return [x for group in found for run in group.runs["run"] for x in group.track(run, axis, quantity)[0]]


def _panel(ax: Axes, found: Sequence[Group], axis: str, quantity: str) -> None:
    numbers = style.backend_numbers(cells(found))
    for group in found:
        _group(ax, group, axis, quantity, style.line_style(group.model, numbers[group.model, group.variant]))
    baseline = found[0].fact("baseline" if quantity == "loss" else "baseline_score")
    if np.isfinite(baseline):
        ax.axhline(baseline, color=style.INK, linewidth=1.2, linestyle=(0, (4, 3)), zorder=2.5)
        below = {"textcoords": "offset points", "ha": "right", "va": "top", "fontsize": 8, "color": style.MUTED}
        ax.annotate("baseline", (0.99, baseline), (0, -3), xycoords=ax.get_yaxis_transform(), **below)
    _quantity_axis(ax, quantity, str(found[0].fact(f"{quantity}_name")))
    positions = _points(found, axis, quantity)
    if axis == "iteration":
        ax.set(xlabel="iterations", xlim=(0, max(*positions, 1) * 1.02))
    else:
        style.value_axis(ax, STEP_TIME, positions, which="x")
        ax.set_xlabel("wall-clock seconds of training")


def _group(ax: Axes, group: Group, axis: str, quantity: str, look: dict[str, object]) -> None:
    colour, zorder = look["color"], look["zorder"]

    def identity() -> str:
        return style.series_id(group.model, group.variant)

    for run, outcome in zip(group.runs["run"], group.runs["outcome"], strict=True):
        x, y = group.track(run, axis, quantity)
        shown = apart(x, axis)
        ax.plot(
            x[shown],
            _drawable(y[shown], quantity),
            color=colour,
            linewidth=0.9,
            alpha=0.35,
            zorder=zorder,
            gid=identity(),
        )
        if outcome == DIVERGED and len(x):
            end = {"marker": "x", "markersize": 7, "markeredgewidth": 2}
            ax.plot(x[-1:], _drawable(y[-1:], quantity), color=colour, zorder=zorder, gid=identity(), **end)
    mean = mean_curve(group, axis, quantity)
    if mean is None:
        return
    shown = apart(mean.x, axis)
    x, middle, low, high = mean.x[shown], mean.mean[shown], mean.low[shown], mean.high[shown]
    marks = {"marker": look["marker"], "markersize": 5, "markevery": max(len(x) // 6, 1)}
    line = {name: look[name] for name in ("linestyle", "markerfacecolor", "markeredgecolor", "markeredgewidth")}
    width = {"linewidth": 2.4 if group.model == "urnn" else 1.6, "color": colour, "zorder": zorder}
    ax.plot(x, middle, gid=identity(), **marks, **line, **width)
    if mean.seeds > 1:
        band = ax.fill_between(x, low, high, color=colour, alpha=0.14, linewidth=0, zorder=zorder)
        band.set_gid(identity())


def _drawable(values: np.ndarray, quantity: str) -> np.ndarray:
    return np.maximum(values, LEAST_POSITIVE) if quantity == "loss" else values


def _quantity_axis(ax: Axes, quantity: str, name: str) -> None:
    """A loss is logarithmic within what the lines cover, whatever a wide interval does; a share is in per cent."""
    ys = np.concatenate([line.get_ydata() for line in ax.lines if len(line.get_ydata())]).astype(float)
    ys = ys[np.isfinite(ys)]
    ax.set_ylabel(style.literal(name))
    if quantity == "loss":
        ax.set_yscale("log")
        ax.set_ylim(ys.min() / 1.6, ys.max() * 1.6)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    elif ys.min() >= 0 and ys.max() <= 1:
        ax.set_ylim(-0.03, 1.03)
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
