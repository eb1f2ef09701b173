"""Panels of one metric over hidden size or over length, one a phase: what four of the figures have in common.

Known weakness: one batch size a panel; the others are in the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.focus import Focus, focus
from analysis.schema import MEASURED, METRIC_LABELS, PHASE_LABELS

SIZE_LABELS = {"hidden_size": "hidden units n", "length": "time steps T in a sequence"}

Select = Callable[[pd.DataFrame, Focus, str], pd.DataFrame]


def draw(cells: pd.DataFrame, metric: str, x: str, phases: Sequence[str], select: Select, columns: int) -> Figure:
    """One panel a phase; a phase in which fewer than two sizes were measured says 'not measured'."""
    with style.applied():
        figure, axes = style.panels(len(phases), columns, style.width(columns))
        shown = []
        for ax, phase in zip(axes, phases, strict=True):
            at = focus(cells, phase)
            here = select(cells, at, metric) if at else cells.iloc[:0]
            measured = here[here["outcome"] == MEASURED]
            if measured[x].nunique() < 2:
                style.title(ax, PHASE_LABELS[phase])
                style.say_not_measured(ax)
                continue
            if not measured["value"].any():
                style.title(ax, PHASE_LABELS[phase], _fixed(at, x))
                style.say_not_measured(ax, "zero at every size")  # which a logarithmic axis cannot show
                continue
            style.title(ax, PHASE_LABELS[phase], _fixed(at, x))
            style.lines(ax, here, x, style.backend_numbers(cells))
            style.size_axis(ax, list(here[x]), SIZE_LABELS[x])
            style.value_axis(ax, metric, [*here["low"], *here["high"]])
            style.out_of_memory(ax, here, x)
            ax.set_ylabel(METRIC_LABELS[metric].lower())
            shown.append(here)
        if shown:
            style.legend(figure, pd.concat(shown))
    return figure


def _fixed(at: Focus | None, x: str) -> str:
    if at is None:
        return ""
    return at.over_hidden_size() if x == "hidden_size" else at.over_length()
