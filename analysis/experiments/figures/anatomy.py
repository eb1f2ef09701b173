"""Inside the state over time, as the paper's Figure 4 shows it: norms, saturation and gradients.

Why: it is the paper's explanation of why one network learns long dependencies and another does not: whether
|dC/dh_t| reaches back to the first steps, and whether the state still takes anything in.

Known weakness: one length of each task, that at which most models were looked into; the mean is over the seeds
that were.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, NullFormatter

from analysis.experiments.curves import apart
from analysis.experiments.groups import Group, Place, cells
from analysis.experiments.study import Study
from analysis.figures import style

QUANTITIES = {
    "state_norm": "|h_t|",
    "state_change": "|h_t - h_{t-1}|",
    "gradient_norm": "|dC/dh_t|",
}
WORDS = {"state_norm": "State norm", "state_change": "State change", "gradient_norm": "Gradient norm"}
HEIGHT = 2.9

# Below this a gradient is nothing that training could use, and lines of zeros would squeeze all others.
LEAST_SHOWN = 1e-12
WIDE_SPREAD = 20


def draw(study: Study, columns: int = 3) -> Figure:
    """For each task a row for each iteration looked into, a panel a quantity."""
    with style.applied():
        panels = [
            (place, iteration, quantity)
            for place in study.anatomy_places.values()
            for iteration in _iterations(study, place)
            for quantity in QUANTITIES
        ]
        figure, axes = style.panels(max(len(panels), 1), columns, style.width(columns), HEIGHT)
        if not panels:
            style.say_not_measured(axes[0])
            return figure
        for ax, (place, iteration, quantity) in zip(axes, panels, strict=True):
            when = "at the start" if iteration == 0 else f"after {iteration} iterations"
            style.title(ax, f"{WORDS[quantity]}, {when}", place.label)
            _panel(ax, study, _looked_into(study, place), iteration, quantity)
        drawn = [group for place in study.anatomy_places.values() for group in _looked_into(study, place)]
        style.legend(figure, cells(drawn))
    return figure


def _looked_into(study: Study, place: Place) -> list[Group]:
    return [group for group in study.places[place] if len(study.anatomy_of(group))]


def _iterations(study: Study, place: Place) -> list[int]:
    return sorted({at for group in _looked_into(study, place) for at in study.anatomy_of(group)["iteration"]})


def _panel(ax: Axes, study: Study, found: list[Group], iteration: int, quantity: str) -> None:
    numbers = style.backend_numbers(cells(found))
    for group in found:
        look = study.anatomy_of(group)
        here = look[look["iteration"] == iteration]
        if here.empty:
            continue
        logs = np.log(here[quantity].astype(float).clip(lower=LEAST_SHOWN))
        mean = np.exp(logs.groupby(here["t"].astype(int)).mean())
        mean = mean.iloc[apart(mean.index.to_numpy(dtype=np.float64), "t")]
        line = style.line_style(group.model, numbers[group.model, group.variant])
        line |= {
            "markevery": max(len(mean) // 5, 1),
            "markersize": 5,
            "linewidth": 2.2 if group.model == "urnn" else 1.5,
        }
        ax.plot(mean.index, mean, gid=style.series_id(group.model, group.variant), **line)
    _value_axis(ax)
    ax.set(xlabel="time step t", ylabel=QUANTITIES[quantity])


def _value_axis(ax: Axes) -> None:
    """Logarithmic where the lines spread widely, else from zero on."""
    drawn = np.concatenate([np.ones(0), *(line.get_ydata() for line in ax.lines)])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return
    if drawn.max() > WIDE_SPREAD * drawn.min():
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(LogFormatterSciNotation())
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_ylim(0, drawn.max() * 1.1)
