"""One metric over hidden size or over length, a panel for each phase, at one batch size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.anchor_point import anchor_point
from analysis.figures import style
from analysis.vocabulary import MEASURED, METRICS, PHASES

SIZE_LABELS = {"hidden_size": "hidden units n", "length": "time steps T in a sequence"}


def draw(
    cells: pd.DataFrame, columns: int = 0, *, metric: str, x: str, phases: Sequence[str] = ("train", "forward")
) -> Figure:
    """Summary rows of one setting -> the figure; a phase with fewer than two sizes says 'not measured'."""
    fillings = [partial(_panel, cells=cells, phase=phase, metric=metric, x=x) for phase in phases]
    return style.small_multiples(fillings, cells, columns or len(phases))


def _panel(ax: Axes, cells: pd.DataFrame, phase: str, metric: str, x: str) -> None:
    at = anchor_point(cells, phase)
    here = at.over(x, cells, metric) if at else cells.iloc[:0]
    measured = here[here["outcome"] == MEASURED]
    enough = measured[x].nunique() > 1
    style.title(ax, PHASES[phase], at.fixed(x) if enough else "")
    if not enough or not measured["value"].any():  # zeros, which a logarithmic axis cannot show
        style.say_not_measured(ax, "zero at every size" if enough else "not measured")
        return
    style.lines(ax, here, x, style.backend_numbers(cells))
    style.size_axis(ax, here[x], SIZE_LABELS[x])
    style.value_axis(ax, metric, [*here["low"], *here["high"]])
    style.out_of_memory(ax, here, x)
    ax.set_ylabel(METRICS[metric].label.lower())
