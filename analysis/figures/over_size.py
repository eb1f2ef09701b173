"""One metric over hidden size or over length, a panel for each phase, at one batch size."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.anchor_point import anchor_point
from analysis.figures import style
from analysis.figures.style import Panel
from analysis.vocabulary import MEASURED, METRICS, PHASES

SIZE_LABELS = {"hidden_size": "hidden units n", "length": "time steps T in a sequence"}


def draw(
    cells: pd.DataFrame, columns: int = 0, *, metric: str, x: str, phases: Sequence[str] = ("train", "forward")
) -> Figure:
    """Summary rows of one setting -> the figure; a phase with fewer than two sizes says 'not measured'."""
    numbers = style.backend_numbers(cells)

    def fill(ax: Axes, here: pd.DataFrame) -> None:
        style.lines(ax, here, x, numbers)
        style.size_axis(ax, list(here[x]), SIZE_LABELS[x])
        style.value_axis(ax, metric, [*here["low"], *here["high"]])
        style.out_of_memory(ax, here, x)
        ax.set_ylabel(METRICS[metric].label.lower())

    panels = [_panel(cells, phase, metric, x) for phase in phases]
    return style.small_multiples(panels, columns or len(phases), fill)


def _panel(cells: pd.DataFrame, phase: str, metric: str, x: str) -> Panel:
    at = anchor_point(cells, phase)
    here = at.over(x, cells, metric) if at else cells.iloc[:0]
    measured = here[here["outcome"] == MEASURED]
    if at is None or measured[x].nunique() < 2:
        return Panel(PHASES[phase])
    if not measured["value"].any():  # which a logarithmic axis cannot show
        return Panel(PHASES[phase], at.fixed(x), said="zero at every size")
    return Panel(PHASES[phase], at.fixed(x), here)
