"""The figures of the chapter on GLOREE."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn

from analysis import units
from analysis.appearance import Series
from analysis.figures import style
from analysis.related.engine.chapter import Frames, over_seeds
from analysis.related.spectral.data import FOURTH, MATRICES, METHODS, SERIES, SPECTRAL, WAYS, largest

LEAST = 1e-9  # an error below is drawn as this


def drawn_series(frames: Frames) -> list[Series]:
    """Those of ways and methods that have results."""
    ways, methods = set(frames["errors"]["way"]), set(frames["descents"]["method"])
    found = [SERIES[way] for way in WAYS if way in ways] + [SERIES[one] for one in METHODS if one in methods]
    return list(dict.fromkeys(found))


def _cells(frames: Frames) -> pd.DataFrame:
    return pd.DataFrame(drawn_series(frames), columns=["model", "backend", "series"]).astype(str)


def draw_samples(frames: Frames, columns: int = 3) -> Drawn:
    """A panel a matrix and rho: error over the number of sequences."""
    rows = frames["errors"]
    fillings = [
        partial(
            _over_samples, frames=frames, rows=rows[rows["rho"] == rho], matrix=matrix, heading=f"rho = {rho:g}"
        )
        for rho in sorted(rows["rho"].unique())
        for matrix in MATRICES
    ]
    return style.small_multiples(fillings, _cells(frames), columns)


def _over_samples(ax: Axes, frames: Frames, rows: pd.DataFrame, matrix: str, heading: str) -> None:
    style.title(ax, matrix, heading)
    numbers = style.backend_numbers(_cells(frames))
    seen: list[float] = []
    for way in WAYS:
        if way == FOURTH and matrix != "U":
            continue  # they say nothing of the others, which are those of two passes
        model, backend, _ = SERIES[way]
        points = []
        for samples, mine in rows[rows["way"] == way].groupby("samples"):
            found = over_seeds(mine.set_index("seed")[matrix].clip(lower=LEAST), logarithmic=True)
            if found:
                one = found.estimate
                points.append((float(samples), one.value, one.low, one.high))
        if not points:
            continue
        x, value, low, high = np.array(points, dtype=float).T
        look, gid = style.line_style(model, numbers[model, backend]), partial(style.series_id, model, backend)
        ax.plot(x, value, gid=gid(), **look)
        ax.vlines(x, low, high, color=look["color"], linewidth=1.4, gid=gid())
        seen += [*value]
    if not seen:
        return style.say_not_measured(ax)
    x = np.array(sorted(rows["samples"].unique()), dtype=float)
    ax.plot(x, max(seen) * np.sqrt(x[0] / x), color=style.MUTED, linewidth=0.8, linestyle=":", marker="")
    _log_axes(ax, x, seen)
    ax.set(xlabel="sequences", ylabel="relative error")
    return None


def _log_axes(ax: Axes, x: np.ndarray, y: list[float]) -> None:
    ax.set_xlim(min(x) / 1.3, max(x) * 1.3)
    ax.set_ylim(min(y) / 1.6, max(y) * 1.6)
    style.log_axis(ax, _short, "x")
    style.log_axis(ax, "{:g}".format)


def _short(number: float) -> str:
    """'30k', '10M': seven digits a tick do not fit."""
    return f"{number / 1e6:g}M" if number >= 1e6 else f"{number / 1e3:g}k"


def draw_weights(frames: Frames, columns: int = 3) -> Drawn:
    """A panel a matrix and number of sequences: what was found against the truth, of one net."""
    rows = frames["weights"]
    rows = rows[(rows["seed"] == rows["seed"].min()) & (rows["rho"] == rows["rho"].max())]
    fillings = [
        partial(_recovered, rows=rows[(rows["matrix"] == matrix) & (rows["samples"] == samples)], samples=samples)
        for samples in sorted(rows["samples"].unique())
        for matrix in MATRICES
    ]
    nothing = pd.DataFrame({"model": [], "backend": [], "series": []})
    return style.small_multiples(fillings, nothing, columns)


def _recovered(ax: Axes, rows: pd.DataFrame, samples: int) -> None:
    matrix = "".join(rows["matrix"].unique()[:1])
    style.title(ax, matrix, f"{samples:,} sequences")
    truth, found = rows["truth"].astype(float), rows["found"].astype(float)
    ends = [min(truth.min(), found.min()), max(truth.max(), found.max())]
    ax.plot(ends, ends, color=style.MUTED, linewidth=0.8, marker="")
    ax.plot(truth, found, linestyle="none", marker="o", markersize=4, color=style.INK)
    ax.set(xlabel="true weight", ylabel="weight found")


def draw_descents(frames: Frames, columns: int = 2) -> Drawn:
    """The largest error over processor seconds, a line a seed."""
    rows = frames["descents"].assign(error=largest(frames["descents"]).clip(lower=LEAST))
    fillings = [partial(_over_seconds, frames=frames, rows=rows)] if len(rows) else []
    return style.small_multiples(fillings, _cells(frames), columns)


def _over_seconds(ax: Axes, frames: Frames, rows: pd.DataFrame) -> None:
    style.title(ax, "The largest error", "of A1, A2 and U")
    numbers = style.backend_numbers(_cells(frames))
    for method in METHODS:
        model, backend, _ = SERIES[method]
        look = style.line_style(model, numbers[model, backend])
        alone = {"linestyle": "none"} if method == SPECTRAL else {"marker": "", "linewidth": 1.1}
        for _, mine in rows[rows["method"] == method].sort_values("seconds").groupby("seed"):
            ax.plot(mine["seconds"], mine["error"], gid=style.series_id(model, backend), **(look | alone))
    seconds = rows["seconds"].astype(float).clip(lower=1e-3)
    ax.set_xlim(seconds.min() / 1.3, seconds.max() * 1.3)
    ax.set_ylim(rows["error"].min() / 1.6, rows["error"].max() * 1.6)
    style.log_axis(ax, lambda value: units.tick(value, units.TIME_UNITS), "x")
    style.log_axis(ax, "{:g}".format)
    ax.set(xlabel="processor time", ylabel="relative error")
