"""Loss or score along an axis, a panel for each task and length: what three figures have in common.

The mean across seeds carries the claim, the single runs behind it show how far to trust it. Seeds that stop early
because they solved their task keep their last value in the mean, or it would rise when the best ones leave. A
diverged run has no value to keep and is in no mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.experiments.figures import parts
from analysis.experiments.schema import DIVERGED
from analysis.experiments.seeds import LEAST_POSITIVE, Across, Floats, curve
from analysis.experiments.study import Group, Study, by_place
from analysis.figures import style
from analysis.vocabulary import STEP_TIME

HEIGHT = 2.7
POINTS_IN_TIME = 60


def draw(study: Study, columns: int = 3, *, axis: str, quantity: str) -> Figure:
    """`axis` is "iteration" or "seconds", `quantity` "loss" or "score"; places not evaluated are left out."""
    shown = {place: found for place, found in by_place(study.groups).items() if _points(found, axis, quantity)}
    panels = [
        partial(_panel, found=found, title=place.label, axis=axis, quantity=quantity)
        for place, found in shown.items()
    ]
    return parts.grid(panels, [g for found in shown.values() for g in found], columns, HEIGHT, "no evaluation yet")


def _points(found: Sequence[Group], axis: str, quantity: str) -> list[float]:
    """All positions on the axis at which any run was evaluated."""
    return [x for group in found for run in group.runs["run"] for x in group.track(run, axis, quantity)[0]]


def _panel(ax: Axes, found: Sequence[Group], title: str, axis: str, quantity: str) -> None:
    style.title(ax, title)
    for group, look in parts.drawn(found):
        _group(ax, group, axis, quantity, look)
    baseline = found[0].fact("baseline" if quantity == "loss" else "baseline_score")
    parts.baseline(ax, baseline)
    if np.isfinite(baseline):
        below = {"textcoords": "offset points", "ha": "right", "va": "top", "fontsize": 8, "color": style.MUTED}
        ax.annotate("baseline", (0.99, baseline), (0, -3), xycoords=ax.get_yaxis_transform(), **below)
    ax.set_ylabel(style.literal(str(found[0].fact(f"{quantity}_name"))))
    _quantity_axis(ax, quantity)
    positions = _points(found, axis, quantity)
    if axis == "iteration":
        ax.set(xlabel="iterations", xlim=(0, max(*positions, 1) * 1.02))
    else:
        style.value_axis(ax, STEP_TIME, positions, which="x")
        ax.set_xlabel("wall-clock seconds of training")


def _group(ax: Axes, group: Group, axis: str, quantity: str, look: dict[str, Any]) -> None:
    in_front = {"color": look["color"], "zorder": look["zorder"]}
    for run, outcome in zip(group.runs["run"], group.runs["outcome"], strict=True):
        x, y = group.track(run, axis, quantity)
        y = np.maximum(y, LEAST_POSITIVE) if quantity == "loss" else y
        shown = parts.apart(x, axis == "seconds")
        ax.plot(x[shown], y[shown], linewidth=0.9, alpha=0.35, gid=parts.gid(group), **in_front)
        if outcome == DIVERGED and len(x):
            ax.plot(x[-1:], y[-1:], marker="x", markersize=7, markeredgewidth=2, gid=parts.gid(group), **in_front)
    if (found := mean_curve(group, axis, quantity)) is None:
        return
    x, mean = found
    shown = parts.apart(x, axis == "seconds")
    x, middle, low, high = x[shown], mean.mean[shown], mean.low[shown], mean.high[shown]
    look |= {"markersize": 5, "markevery": max(len(x) // 6, 1), "linewidth": 2.4 if group.model == "urnn" else 1.6}
    ax.plot(x, middle, gid=parts.gid(group), **look)
    if mean.seeds > 1:
        ax.fill_between(x, low, high, alpha=0.14, linewidth=0, **in_front).set_gid(parts.gid(group))


def mean_curve(group: Group, axis: str, quantity: str) -> tuple[Floats, Across] | None:
    """Positions on "iteration" or "seconds" and the mean there of "loss" (geometric) or "score".

    None without a member that has any.

    Up to the last point of the longest member; of a group without a run that ended, up to that of the shortest.
    """
    members = group.members[group.members["outcome"] != DIVERGED]
    tracks = [(x, y) for x, y in (group.track(run, axis, quantity) for run in members["run"]) if len(x)]
    if not tracks:
        return None
    first = max(x[0] for x, _ in tracks)
    last = (max if group.ended else min)(x[-1] for x, _ in tracks)
    if last < first:
        return None
    x = np.unique(np.concatenate([x for x, _ in tracks]))
    x = x[(x >= first) & (x <= last)]
    if axis == "seconds" and first > 0:  # no two members share their seconds: points at equal ratios
        x = np.geomspace(first, last, POINTS_IN_TIME) if last > first else np.array([first])
    return x, curve(tracks, x, logarithmic=quantity == "loss")


def _quantity_axis(ax: Axes, quantity: str) -> None:
    """A loss is logarithmic within what the lines cover, whatever a wide interval does; a share is in per cent."""
    ys = np.concatenate([line.get_ydata() for line in ax.lines]).astype(float)
    ys = ys[np.isfinite(ys)]
    if quantity == "loss":
        ax.set_yscale("log")
        ax.set_ylim(ys.min() / 1.6, ys.max() * 1.6)
        parts.plain_ticks(ax.yaxis, "{:g}")
    elif ys.min() >= 0 and ys.max() <= 1:
        parts.share_axis(ax, 1.03)
