"""A ladder: rungs from the first at the top to the best known, each with what it gained.

One lollipop a rung and phase, with its factor beside it, reads without a legend of sixteen lines; the same axis in
all panels makes sizes comparable by eye.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import units
from analysis.appearance import look
from analysis.figures import style
from analysis.ladder import Climb, Rung, climbs
from analysis.schema import backends_of
from analysis.vocabulary import PHASES

MARKERS = {"train": "o", "forward": "D"}
ROW_HEIGHT = 0.34
OFFSETS = {"train": -0.19, "forward": 0.21}
ROOM_FOR_TEXT = 0.34


def draw(cells: pd.DataFrame, columns: int = 3, *, model: str) -> Figure:
    """Summary rows of ladders -> a panel for each size of one ladder, those with one layer first."""
    with style.applied():
        found = climbs(cells, model)
        every = [rung.over_first for phases in found.values() for climb in phases.values() for rung in climb]
        bounds = [bound for gain in every if gain for bound in (gain.low, gain.high)]
        if not bounds:
            return style.small_multiples([], cells, columns)
        rungs, places = backends_of(cells, model), sorted(found, key=lambda place: (place.num_layers, place))
        height = ROW_HEIGHT * len(rungs) + 0.75
        figure, axes = style.panels(len(places), columns, style.width(columns), height=height)
        colour = look(model.removesuffix("_ladder")).light
        for number, (ax, place) in enumerate(zip(axes, places, strict=True)):
            style.title(ax, place.size(), f"T = {place.length}, {place.layers()}")
            _panel(ax, found[place], colour, _limits(bounds))
            _rung_axis(ax, rungs, named=number % columns == 0)
        handles = [Line2D([], [], label=PHASES[phase], **_marker(phase, colour)) for phase in MARKERS]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def _limits(bounds: list[float]) -> tuple[float, float]:
    """The axis of all panels: every interval and the line at 1, and room for a factor to the right of the last."""
    low, high = min([1.0, *bounds]), max([2.0, *bounds])
    span = np.log(high / low)
    return low / np.exp(0.06 * span), high * np.exp(ROOM_FOR_TEXT * span)


def _panel(ax: Axes, phases: dict[str, Climb], colour: str, limits: tuple[float, float]) -> None:
    ax.set_xlim(limits)
    ax.axvline(1, color=style.MUTED, linewidth=1)
    for number, rungs in enumerate(zip(*phases.values(), strict=True)):
        said = {_said(rung) for rung in rungs}
        if len(said) == 1 and said != {""}:
            _write(ax, 1, number, said.pop(), style.MUTED, style="italic")
            continue
        for phase, rung in zip(phases, rungs, strict=True):
            _mark(ax, number + OFFSETS.get(phase, 0.0), phase, rung, colour)


def _said(rung: Rung) -> str:
    """What stands in place of a gain; empty where there is one."""
    without = "first rung not measured" if rung.time else rung.outcome
    return "" if rung.over_first else without


def _mark(ax: Axes, y: float, phase: str, rung: Rung, colour: str) -> None:
    gain = rung.over_first
    if gain is None:
        _write(ax, 1, y, _said(rung), style.MUTED, style="italic")
        return
    text = units.ahead_or_behind(gain.value) if rung.over_previous else units.seconds(rung.time.value)
    ax.plot([1, gain.value], [y, y], color=colour, linewidth=1.2, alpha=0.45, zorder=2)
    ax.plot([gain.low, gain.high], [y, y], color=colour, linewidth=2.4, zorder=3)
    ax.plot([gain.value], [y], zorder=4, **_marker(phase, colour))
    _write(ax, max(gain.high, 1), y, text, style.INK)


def _marker(phase: str, colour: str) -> dict[str, object]:
    """Training is a filled dot, inference a hollow one."""
    size, face = (6, colour) if phase == "train" else (5, style.PAPER)
    look = {"color": colour, "linestyle": "none", "marker": MARKERS.get(phase, "s"), "markersize": size}
    return look | {"markerfacecolor": face, "markeredgecolor": colour, "markeredgewidth": 1.4}


def _write(ax: Axes, x: float, y: float, text: str, colour: str, **words: str) -> None:
    at = {"textcoords": "offset points", "ha": "left", "va": "center_baseline", "fontsize": 8, "color": colour}
    ax.annotate(text, (x, y), (6, 0), **at, **words)


def _rung_axis(ax: Axes, rungs: Mapping[str, str], named: bool) -> None:
    """Rungs from top to bottom, with their labels in the first column, and round factors below."""
    ax.set_ylim(len(rungs) - 0.4, -0.6)
    ax.set_yticks(range(len(rungs)), [style.literal(label) if named else "" for label in rungs.values()])
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    for boundary in range(1, len(rungs)):
        ax.axhline(boundary - 0.5, color=style.GRID, linewidth=0.8, zorder=0)
    style.log_axis(ax, lambda factor: f"{units.TIMES}{factor:g}", "x")
    ax.set_xlabel("times as fast as the first rung")
