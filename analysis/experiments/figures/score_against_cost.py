"""Score against the time and the memory of a training step: what accuracy costs.

Why: a fast step that never learns is worthless, and so is a score that nobody can afford. For each task the
longest length that most models were trained at is drawn.

Known weakness: memory is known only where the benchmark measured the very same step.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from analysis.experiments.costs import Cost
from analysis.experiments.groups import Group, Place, cells
from analysis.experiments.study import Study
from analysis.figures import style
from analysis.vocabulary import PEAK_ALLOCATED, STEP_TIME

HEIGHT = 2.9


def draw(study: Study, columns: int = 2) -> Figure:
    """A row a task with a panel for time and one for memory; one word where no memory was measured at all."""
    with style.applied():
        shown = _places(study)
        ended = {
            place: [(g, price) for g, price in study.costs if g.place == place and g.ended] for place in shown
        }
        memory = any(price.peak_memory is not None for costs in ended.values() for _, price in costs)
        panels = [(place, kind) for place in shown for kind in ((False, True) if memory else (False,))]
        figure, axes = style.panels(len(panels) + (not memory), columns, style.width(columns), HEIGHT)
        for ax, (place, of_memory) in zip(axes, panels, strict=False):
            style.title(ax, place.label)
            _panel(ax, ended[place], of_memory)
        if not memory:
            style.title(axes[-1], "Peak memory of a training step")
            style.say_not_measured(axes[-1])
        if shown:
            style.legend(figure, cells([group for costs in ended.values() for group, _ in costs]))
    return figure


def _places(study: Study) -> list[Place]:
    """For each task the place with most ended models, of equals the longest."""
    best: dict[str, tuple[int, int, Place]] = {}
    for place, found in study.places.items():
        models = len({group.model for group in found if group.ended})
        if models:
            best[place.task] = max(
                best.get(place.task, (0, 0, place)), (models, place.length, place), key=lambda b: b[:2]
            )
    return [place for _, _, place in best.values()]


def _panel(ax: Axes, costs: list[tuple[Group, Cost]], memory: bool) -> None:
    drawn = []
    numbers = style.backend_numbers(cells([group for group, _ in costs]))
    for group, price in costs:
        x = price.peak_memory if memory else price.step_time
        score = group.across("score", least=0.0, most=1.0)
        if x is None or score is None:
            continue
        drawn.append((x, score.mean))
        look = style.line_style(group.model, numbers[group.model, group.variant])
        filled = memory or price.benchmarked
        look |= {"linestyle": "none", "markersize": 11 if group.model == "urnn" else 8}
        if not filled:
            look |= {"markerfacecolor": style.PAPER, "markeredgecolor": look["color"], "markeredgewidth": 1.8}
        ax.plot([x], [score.mean], gid=style.series_id(group.model, group.variant), **look)
        if score.seeds > 1:
            bar = {"color": look["color"], "linewidth": 1.4}
            ax.vlines(x, score.low, score.high, gid=style.series_id(group.model, group.variant), **bar)
    if not drawn:
        style.say_not_measured(ax)
        return
    style.value_axis(ax, PEAK_ALLOCATED if memory else STEP_TIME, [x for x, _ in drawn], which="x")
    ax.set_xlabel("peak memory of a training step" if memory else "training time per time step")
    ax.set_ylabel(style.literal(str(costs[0][0].fact("score_name"))))
    if all(0 <= score <= 1 for _, score in drawn):
        ax.set_ylim(-0.03, 1.05)
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    baseline = costs[0][0].fact("baseline_score")
    if np.isfinite(baseline):
        ax.axhline(baseline, color=style.INK, linewidth=1.2, linestyle=(0, (4, 3)), zorder=2)
