"""One metric over hidden size or over length, a panel for each phase.

Known weakness: one batch size a panel; the others are in the tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from analysis.anchor_point import anchor_point
from analysis.figures import style
from analysis.vocabulary import MEASURED, METRICS, PHASES

SIZE_LABELS = {"hidden_size": "hidden units n", "length": "time steps T in a sequence"}


def draw(
    cells: pd.DataFrame, columns: int = 0, *, metric: str, x: str, phases: Sequence[str] = ("train", "forward")
) -> Figure:
    """Summary rows of one setting -> the figure; a phase with fewer than two sizes says 'not measured'."""
    columns = columns or len(phases)
    with style.applied():
        figure, axes = style.panels(len(phases), columns, style.width(columns))
        shown = []
        for ax, phase in zip(axes, phases, strict=True):
            at = anchor_point(cells, phase)
            here = at.over(x, cells, metric) if at else cells.iloc[:0]
            measured = here[here["outcome"] == MEASURED]
            if at is None or measured[x].nunique() < 2:
                style.title(ax, PHASES[phase])
                style.say_not_measured(ax)
                continue
            style.title(ax, PHASES[phase], at.fixed(x))
            if not measured["value"].any():
                style.say_not_measured(ax, "zero at every size")  # which a logarithmic axis cannot show
                continue
            style.lines(ax, here, x, style.backend_numbers(cells))
            style.size_axis(ax, list(here[x]), SIZE_LABELS[x])
            style.value_axis(ax, metric, [*here["low"], *here["high"]])
            style.out_of_memory(ax, here, x)
            ax.set_ylabel(METRICS[metric].label.lower())
            shown.append(here)
        if shown:
            style.legend(figure, pd.concat(shown))
    return figure
