"""The figures of the chapter on neuron selection."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn

from analysis.appearance import Series
from analysis.figures import style
from analysis.related.engine.chapter import Frames, by_seed, over_seeds
from analysis.related.pruning.data import SERIES, groups, of_method
from analysis.vocabulary import PHASES, STEP_TIME


def drawn_series(frames: Frames) -> list[Series]:
    """Those of the methods that have nets."""
    return list(dict.fromkeys(SERIES[method] for method, _, _ in groups(frames)))


def _cells(frames: Frames) -> pd.DataFrame:
    """What the legend needs of each series."""
    return pd.DataFrame(drawn_series(frames), columns=["model", "backend", "series"]).astype(str)


def draw_parameters(frames: Frames, columns: int = 2) -> Drawn:
    """One panel: accuracy over parameters."""
    costs = {(method, size): of_method(frames, method, "parameters", size) for method, size, _ in groups(frames)}
    fill = partial(_panel, frames=frames, costs=costs, heading="Parameters", axis=_parameter_axis)
    return style.small_multiples([fill] if costs else [], _cells(frames), columns)


def draw_times(frames: Frames, columns: int = 2) -> Drawn:
    """A panel for each phase and batch: accuracy over the time of a call."""
    fillings = []
    for phase, batch in sorted({(row.phase, row.batch) for row in frames["times"].itertuples()}):
        costs = {
            (method, size): by_seed(frames["times"], "seconds", method=method, size=size, phase=phase, batch=batch)
            for method, size, _ in groups(frames)
        }
        heading = f"{PHASES[phase]}, B = {batch}"
        fillings.append(partial(_panel, frames=frames, costs=costs, heading=heading, axis=_time_axis))
    return style.small_multiples(fillings, _cells(frames), columns)


def _panel(
    ax: Axes, frames: Frames, costs: dict[tuple[str, int], pd.Series], heading: str, axis: Callable[..., None]
) -> None:
    style.title(ax, heading)
    numbers, seen, heights = style.backend_numbers(_cells(frames)), [], []
    lines: dict[str, list[tuple[float, float]]] = {}
    for (method, size), cost in costs.items():
        accuracy = of_method(frames, method, "accuracy", size)
        both = cost.index.intersection(accuracy.index)
        mean = over_seeds(accuracy.loc[both])
        if mean is None:
            continue
        model, backend, _ = SERIES[method]
        look, gid = style.line_style(model, numbers[model, backend]), partial(style.series_id, model, backend)
        x = float(np.exp(np.log(cost.loc[both].astype(float)).mean()))
        dots = {"linestyle": "none", "marker": ".", "markersize": 4, "color": look["color"], "alpha": 0.6}
        ax.plot(cost.loc[both].astype(float), accuracy.loc[both], gid=gid(), **dots)
        if mean.seeds > 1:
            ends = np.clip([mean.estimate.low, mean.estimate.high], 0, 1)
            ax.vlines(x, *ends, color=look["color"], linewidth=1.4, gid=gid())
        lines.setdefault(method, []).append((x, mean.estimate.value))
        seen += list(cost.loc[both].astype(float))
        heights += list(accuracy.loc[both])
    for method, points in lines.items():
        model, backend, _ = SERIES[method]
        look = style.line_style(model, numbers[model, backend])
        look |= {"markersize": 1.4 * look["markersize"]}
        ax.plot(*zip(*sorted(points), strict=True), gid=style.series_id(model, backend), **look)
    if not seen:
        return style.say_not_measured(ax)
    axis(ax, seen)
    low = min(heights)
    ax.set_ylim(max(low - 0.25 * (1.02 - low), -0.02), 1.0 + 0.02 * (1.02 - low))
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.set_ylabel("accuracy on test data")
    return None


def _parameter_axis(ax: Axes, values: list[float]) -> None:
    ax.set_xlim(min(values) / 1.3, max(values) * 1.3)
    style.log_axis(ax, "{:,.0f}".format, "x")
    ax.set_xlabel("trainable numbers")


def _time_axis(ax: Axes, values: list[float]) -> None:
    style.value_axis(ax, STEP_TIME, values, which="x")
    ax.set_xlabel("time of a call")
