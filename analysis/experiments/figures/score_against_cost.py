"""Score against the time and the memory of a training step: what accuracy costs.

A fast step that never learns is worthless, and so is a score that nobody can afford. Memory is known only where
the benchmark measured the very same step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.experiments.figures import parts
from analysis.experiments.study import Group, Study, fullest_places
from analysis.figures import style
from analysis.vocabulary import PEAK_ALLOCATED, STEP_TIME

HEIGHT = 2.9


def draw(study: Study, columns: int = 2) -> Figure:
    """A row a task with a panel for time and one for memory; one word where no memory was measured at all."""
    places = fullest_places([group for group in study.groups if group.ended]).values()
    shown = [group for found in places for group in found]
    memory = any(study.cost(group).peak_memory is not None for group in shown)
    panels = [
        partial(_panel, study=study, found=found, memory=kind)
        for found in places
        for kind in ((False, True) if memory else (False,))
    ]
    return parts.grid([*panels, *([] if memory else [_no_memory])], shown, columns, HEIGHT)


def _no_memory(ax: Axes) -> None:
    style.title(ax, "Peak memory of a training step")
    style.say_not_measured(ax)


def _panel(ax: Axes, study: Study, found: Sequence[Group], memory: bool) -> None:
    style.title(ax, found[0].place.label)
    points = []
    for group, look in parts.drawn(found):
        cost, score = study.cost(group), group.score
        x = cost.peak_memory if memory else cost.step_time
        if x is None or score is None:
            continue
        points.append((x, score.mean))
        look |= {"linestyle": "none", "markersize": 11 if group.model == "urnn" else 8}
        if not (memory or cost.benchmarked):
            look |= {"markerfacecolor": style.PAPER, "markeredgecolor": look["color"], "markeredgewidth": 1.8}
        ax.plot([x], [score.mean], gid=parts.gid(group), **look)
        if score.seeds > 1:
            ax.vlines(x, score.low, score.high, gid=parts.gid(group), color=look["color"], linewidth=1.4)
    if not points:
        style.say_not_measured(ax)
        return
    style.value_axis(ax, PEAK_ALLOCATED if memory else STEP_TIME, [x for x, _ in points], which="x")
    ax.set_xlabel("peak memory of a training step" if memory else "training time per time step")
    ax.set_ylabel(style.literal(str(found[0].fact("score_name"))))
    if all(0 <= score <= 1 for _, score in points):
        parts.share_axis(ax, 1.05)
    parts.baseline(ax, found[0].fact("baseline_score"), zorder=2)
