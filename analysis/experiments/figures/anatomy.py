"""Inside the state over time, as the paper's Figure 4 shows it: norms, saturation and gradients.

It is the paper's explanation of why one network learns long dependencies and another does not: whether |dC/dh_t|
reaches back to the first steps, and whether the state still takes anything in.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, NullFormatter

from analysis.experiments.figures import parts
from analysis.experiments.study import Place, Study
from analysis.figures import style

QUANTITIES = {
    "state_norm": ("State norm", "|h_t|"),
    "state_change": ("State change", "|h_t - h_{t-1}|"),
    "gradient_norm": ("Gradient norm", "|dC/dh_t|"),
}
HEIGHT = 2.9

# Below this a gradient is nothing that training could use, and lines of zeros would squeeze all others.
LEAST_SHOWN = 1e-12
WIDE_SPREAD = 20


def draw(study: Study, columns: int = 3) -> Figure:
    """For each task a row for each iteration looked into, a panel a quantity."""
    panels = [
        partial(_panel, study=study, place=place, iteration=iteration, quantity=quantity)
        for place, found in study.looked_into.items()
        for iteration in sorted({at for group in found for at in study.anatomy_of(group)["iteration"]})
        for quantity in QUANTITIES
    ]
    shown = [group for found in study.looked_into.values() for group in found]
    return parts.grid(panels, shown, columns, HEIGHT)


def _panel(ax: Axes, study: Study, place: Place, iteration: int, quantity: str) -> None:
    words, symbol = QUANTITIES[quantity]
    when = "at the start" if iteration == 0 else f"after {iteration} iterations"
    style.title(ax, f"{words}, {when}", place.label)
    for group, look in parts.drawn(study.looked_into[place]):
        inside = study.anatomy_of(group)
        inside = inside[inside["iteration"] == iteration]
        if inside.empty:
            continue
        logs = np.log(inside[quantity].astype(float).clip(lower=LEAST_SHOWN))
        mean = np.exp(logs.groupby(inside["t"].astype(int)).mean())
        mean = mean.iloc[parts.apart(mean.index.to_numpy(dtype=np.float64))]
        width = 2.2 if group.model == "urnn" else 1.5
        look |= {"markevery": max(len(mean) // 5, 1), "markersize": 5, "linewidth": width}
        ax.plot(mean.index, mean, gid=parts.gid(group), **look)
    _value_axis(ax)
    ax.set(xlabel="time step t", ylabel=symbol)


def _value_axis(ax: Axes) -> None:
    """Logarithmic where the lines spread widely, else from zero on."""
    values = np.concatenate([np.ones(0), *(line.get_ydata() for line in ax.lines)])
    values = values[np.isfinite(values)]
    if not len(values):
        return
    if values.max() > WIDE_SPREAD * values.min():
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(LogFormatterSciNotation())
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_ylim(0, values.max() * 1.1)
