"""What the figures of the experiments have in common: panels, how a group is drawn, axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter
from numpy.typing import NDArray

from analysis.experiments.seeds import Floats
from analysis.experiments.study import Group, cells
from analysis.figures import style

BINS = 80  # of a panel that is 240 points wide at most


def grid(
    panels: Sequence[Callable[[Axes], None]],
    shown: Sequence[Group],
    columns: int,
    height: float,
    nothing: str = "not measured",
) -> Figure:
    """A figure of panels, each drawn by a function, with a legend of the groups; without any it says `nothing`."""
    return style.small_multiples(panels, cells(shown), columns, height, nothing)


def drawn(found: Sequence[Group]) -> list[tuple[Group, dict[str, Any]]]:
    """Each group with the look of its line."""
    numbers = style.backend_numbers(cells(found))
    return [(group, style.line_style(group.model, numbers[group.model, group.variant])) for group in found]


def gid(group: Group) -> str:
    """Identity of the group's next artist."""
    return style.series_id(group.model, group.variant)


def apart(x: Floats, logarithmic: bool = False) -> NDArray[np.intp]:
    """Which points of a line a panel can show apart: the first in each of `BINS` parts of it, and the last."""
    if len(x) <= BINS:
        return np.arange(len(x))
    at = np.log(x) if logarithmic and x[0] > 0 else x
    parts = np.floor(BINS * (at - at[0]) / (at[-1] - at[0]))
    return np.unique([*np.unique(parts, return_index=True)[1], len(x) - 1])


def baseline(ax: Axes, level: float, zorder: float = 2.5) -> None:
    """A dashed line at the result of the best answer without memory, where that is known."""
    if np.isfinite(level):
        ax.axhline(level, color=style.INK, linewidth=1.2, linestyle=(0, (4, 3)), zorder=zorder)


def share_axis(ax: Axes, top: float) -> None:
    """A y axis of shares in per cent."""
    ax.set_ylim(-0.03, top)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def plain_ticks(axis: Axis, text: str) -> None:
    """Ticks of a logarithmic axis in plain notation, by a format such as `{:g}`."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: text.format(value)))
    axis.set_minor_formatter(NullFormatter())
