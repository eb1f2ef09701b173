"""The figures of the chapter on coverage-guided tests."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn

from analysis.appearance import Series
from analysis.figures import style
from analysis.related.coverage.data import MODELS, SERIES, TEMPORAL
from analysis.related.engine.chapter import Frames
from analysis.statistics.seeds import curve

POINTS = 80


def drawn_series(frames: Frames) -> list[Series]:
    """The generators that have campaigns."""
    known = set(frames["campaigns"]["generator"])
    return [series for generator, series in SERIES.items() if generator in known]


def draw(frames: Frames, columns: int = 2) -> Drawn:
    """A panel a net of coverage over evaluations, and one of adversarial tests."""
    curves = frames["curves"][frames["curves"]["metric"] == TEMPORAL]
    fillings = [
        partial(_over_evaluations, rows=curves[curves["model"] == model], label=label, quantity=quantity)
        for quantity in ("coverage", "adversarial")
        for model, label in MODELS.items()
        if (curves["model"] == model).any()
    ]
    cells = pd.DataFrame(drawn_series(frames), columns=["model", "backend", "series"]).astype(str)
    return style.small_multiples(fillings, cells, columns)


def _over_evaluations(ax: Axes, rows: pd.DataFrame, label: str, quantity: str) -> None:
    words = {"coverage": "temporal requirements met", "adversarial": "adversarial tests"}[quantity]
    style.title(ax, label, words)
    last = float(rows["evaluations"].max())
    x = np.linspace(float(rows["evaluations"].min()), last, POINTS)
    for generator, series in SERIES.items():
        tracks = [
            (mine["evaluations"].to_numpy(dtype=float), mine[quantity].to_numpy(dtype=float))
            for _, mine in rows[rows["generator"] == generator].groupby("seed")
        ]
        if not tracks:
            continue
        found = curve(tracks, x, logarithmic=False)
        look = style.line_style(series.model, 0) | {"markevery": POINTS // 6, "markersize": 5}
        gid = partial(style.series_id, series.model, series.backend)
        ax.plot(found["value"], gid=gid(), **look)
        if len(tracks) > 1:
            low, high = found["low"].clip(lower=0), found["high"]
            high = high.clip(upper=1) if quantity == "coverage" else high
            band = {"color": look["color"], "alpha": 0.14, "linewidth": 0}
            ax.fill_between(x, low, high, gid=gid(), **band)
    ax.set(xlabel="evaluations", xlim=(0, last * 1.02))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.locator_params(axis="x", nbins=5)
    if quantity == "coverage":
        ax.set_ylim(-0.03, 1.03)
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    else:
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_formatter("{x:,.0f}")


def draw_backdoor(frames: Frames, columns: int = 2) -> Drawn:
    """What was planted, and what was found of it."""
    rows = frames["triggers"][frames["triggers"]["planted"].astype(bool)]
    fillings = [
        partial(_pixels, rows=rows, column=column, heading=heading)
        for column, heading in (("planted_value", "Planted"), ("found_value", "Found"))
    ]
    nothing = pd.DataFrame({"model": [], "backend": [], "series": []})
    return style.small_multiples(fillings if len(rows) else [], nothing, columns, 2.6)


def _pixels(ax: Axes, rows: pd.DataFrame, column: str, heading: str) -> None:
    style.title(ax, heading)
    image = rows.pivot_table(index="row", columns="column", values=column, aggfunc="mean").to_numpy(dtype=float)
    ax.pcolormesh(
        image, cmap="Greys", vmin=0, vmax=max(float(image.max()), 1e-9), edgecolors=style.GRID, linewidth=0.4
    )
    ax.invert_yaxis()
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.grid(False)
