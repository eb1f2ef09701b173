"""Loss and score while a model learns, and inside its state over a sequence, as in the paper's Figure 4.

The mean carries the claim, the single runs behind it show how far to trust it. A seed that stops early because
it solved its task keeps its last value in the mean, which would rise when the best ones leave.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, NullFormatter, PercentFormatter
from numpy.typing import ArrayLike, NDArray

from analysis.experiments.claims import LEAST_SAID, profile
from analysis.experiments.schema import DIVERGED, seconds_of
from analysis.experiments.study import Study, by_place
from analysis.figures import style
from analysis.statistics.seeds import LEAST_POSITIVE, Floats, curve
from analysis.vocabulary import STEP_TIME

Numbers = dict[tuple[str, str], int]  # of each series among those of its model, as the legend has them
HEIGHT, HEIGHT_INSIDE = 2.7, 2.9
BINS = 80  # of a panel that is 240 points wide at most
POINTS_IN_TIME = 60
INSIDE = {
    "state_norm": ("State norm", "|h_t|"),
    "state_change": ("State change", "|h_t - h_{t-1}|"),
    "gradient_norm": ("Gradient norm", "|dC/dh_t|"),
}
# Below LEAST_SAID a gradient is nothing that training could use, and lines of zeros would squeeze all others.
WIDE_SPREAD = 20


def draw(study: Study, columns: int = 3, *, axis: str, quantity: str) -> Figure:
    """`axis` is "iteration" or "seconds", `quantity` "loss" or "score"; places not evaluated are left out."""
    rows = study.with_runs(study.logs.evaluations).dropna(subset=[quantity])
    panel = partial(_learning, axis=axis, quantity=quantity, numbers=style.backend_numbers(rows))
    panels = [partial(panel, rows=here) for here in by_place(rows)]
    nothing = partial(style.say_not_measured, what="no evaluation yet")
    return style.small_multiples(panels or [nothing], rows, columns, HEIGHT)


def draw_inside(study: Study, columns: int = 3) -> Figure:
    """For each task a row for each iteration looked into, a panel a quantity."""
    panels = [
        partial(_inside, rows=looks, quantity=quantity, numbers=style.backend_numbers(study.looks))
        for rows in by_place(study.looks)
        for _, looks in rows.groupby("iteration")
        for quantity in INSIDE
    ]
    return style.small_multiples(panels, study.looks, columns, HEIGHT_INSIDE)


def _learning(ax: Axes, rows: pd.DataFrame, axis: str, quantity: str, numbers: Numbers) -> None:
    style.title(ax, rows["place"].iloc[0])
    for one, mine in style.by_series(rows):
        _series(ax, mine, axis, quantity, style.line_style(one.model, numbers[one.model, one.backend]))
    baseline = rows["baseline" if quantity == "loss" else "baseline_score"].iloc[0]
    baseline_at(ax, baseline)
    if np.isfinite(baseline):
        below = {"textcoords": "offset points", "ha": "right", "va": "top", "fontsize": 8, "color": style.MUTED}
        ax.annotate("baseline", (0.99, baseline), (0, -3), xycoords=ax.get_yaxis_transform(), **below)
    ax.set_ylabel(style.literal(rows[f"{quantity}_name"].iloc[0]))
    _quantity_axis(ax, quantity)
    if axis == "iteration":
        ax.set(xlabel="iterations", xlim=(0, max(rows[axis].max(), 1) * 1.02))
    else:
        seconds_axis(ax, rows[axis], rows["clock"])


def _series(ax: Axes, rows: pd.DataFrame, axis: str, quantity: str, look: dict[str, object]) -> None:
    model, backend = rows[["model", "backend"]].iloc[0]
    in_front = {"color": look["color"], "zorder": look["zorder"]}
    for (_, outcome), run in rows.groupby(["run", "outcome"], sort=False):
        x, y = _track(run, axis, quantity)
        y = np.maximum(y, LEAST_POSITIVE) if quantity == "loss" else y
        shown, gid = apart(x, axis == "seconds"), style.series_id(model, backend)
        ax.plot(x[shown], y[shown], linewidth=0.9, alpha=0.35, gid=gid, **in_front)
        if outcome == DIVERGED:
            gid = style.series_id(model, backend)
            ax.plot(x[-1:], y[-1:], marker="x", markersize=7, markeredgewidth=2, gid=gid, **in_front)
    mean = mean_curve(rows, axis, quantity)
    mean = mean.iloc[apart(mean.index.to_numpy(), axis == "seconds")]
    if mean.empty:
        return
    wide = {"markersize": 5, "markevery": max(len(mean) // 6, 1), "linewidth": 2.4 if model == "urnn" else 1.6}
    ax.plot(mean["value"], gid=style.series_id(model, backend), **look | wide)
    if mean["low"].notna().all():
        band = ax.fill_between(mean.index, mean["low"], mean["high"], alpha=0.14, linewidth=0, **in_front)
        band.set_gid(style.series_id(model, backend))


def _track(run: pd.DataFrame, axis: str, quantity: str) -> tuple[Floats, Floats]:
    return run[axis].to_numpy(dtype=np.float64), run[quantity].to_numpy(dtype=np.float64)


def mean_curve(rows: pd.DataFrame, axis: str, quantity: str) -> pd.DataFrame:
    """One group's evaluations -> the mean over "iteration" or "seconds" of "loss" (geometric) or "score".

    Up to the last point of the longest member; of a group without a run that ended, up to that of the shortest.
    It has columns value, low and high, and no rows without a member that has any.
    """
    members = rows[rows["member"] & (rows["outcome"] != DIVERGED)].dropna(subset=[quantity])
    tracks = [_track(run, axis, quantity) for _, run in members.groupby("run")]
    first = max((x[0] for x, _ in tracks), default=0.0)
    last = (max if members["ended"].all() else min)((x[-1] for x, _ in tracks), default=-1.0)
    if last < first:
        return pd.DataFrame(columns=["value", "low", "high"])
    x = np.unique(np.concatenate([x for x, _ in tracks]))
    x = x[(x >= first) & (x <= last)]
    if axis == "seconds" and first > 0:  # no two members share their seconds: points at equal ratios
        x = np.geomspace(first, last, POINTS_IN_TIME) if last > first else np.array([first])
    return curve(tracks, x, logarithmic=quantity == "loss")


def _quantity_axis(ax: Axes, quantity: str) -> None:
    """A loss is logarithmic within what the lines cover, whatever a wide interval does; a share is in per cent."""
    ys = _drawn(ax)
    if quantity == "loss":
        ax.set_ylim(ys.min() / 1.6, ys.max() * 1.6)
        style.log_axis(ax, "{:g}".format)
    elif ys.min() >= 0 and ys.max() <= 1:
        share_axis(ax, 1.03)


def _inside(ax: Axes, rows: pd.DataFrame, quantity: str, numbers: Numbers) -> None:
    (words, symbol), iteration = INSIDE[quantity], rows["iteration"].iloc[0]
    when = f"after {iteration} iterations" if iteration else "at the start"
    style.title(ax, f"{words}, {when}", rows["place"].iloc[0])
    for (model, backend, _), mine in style.by_series(rows):
        mean = profile(mine, LEAST_SAID)[quantity]
        mean = mean.iloc[apart(mean.index.to_numpy(dtype=np.float64))]
        look = style.line_style(model, numbers[model, backend]) | {"linewidth": 2.2 if model == "urnn" else 1.5}
        look |= {"markevery": max(len(mean) // 5, 1), "markersize": 5, "gid": style.series_id(model, backend)}
        ax.plot(mean, **look)
    ax.set(xlabel="time step t", ylabel=symbol)
    values = _drawn(ax)
    if len(values) and values.max() > WIDE_SPREAD * values.min():
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(LogFormatterSciNotation())
        ax.yaxis.set_minor_formatter(NullFormatter())
    elif len(values):
        ax.set_ylim(0, values.max() * 1.1)


def _drawn(ax: Axes) -> Floats:
    """Every finite value of the lines so far."""
    values = np.concatenate([np.empty(0), *(line.get_ydata() for line in ax.lines)])
    return values[np.isfinite(values)]


def apart(x: Floats, logarithmic: bool = False) -> NDArray[np.intp]:
    """Which points of a line a panel can show apart: the first in each of `BINS` parts of it, and the last."""
    if len(x) <= BINS:
        return np.arange(len(x))
    at = np.log(x) if logarithmic and x[0] > 0 else x
    parts = np.floor(BINS * (at - at[0]) / (at[-1] - at[0]))
    return np.unique([*np.unique(parts, return_index=True)[1], len(x) - 1])


def seconds_axis(ax: Axes, values: ArrayLike, clocks: Iterable[str]) -> None:
    """A logarithmic x axis of seconds of training by these clocks; the unit is in its label, for room."""
    style.value_axis(ax, STEP_TIME, values, which="x")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_xlabel(f"{seconds_of(clocks)} of training")


def baseline_at(ax: Axes, level: float, zorder: float = 2.5) -> None:
    """A dashed line at the result of the best answer without memory, where that is known."""
    if np.isfinite(level):
        ax.axhline(level, color=style.INK, linewidth=1.2, linestyle=(0, (4, 3)), zorder=zorder)


def share_axis(ax: Axes, top: float) -> None:
    """A y axis of shares in per cent."""
    ax.set_ylim(-0.03, top)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
