"""Share of gates that call a regression over the size of the slowdown, A/A at 0, beside what it has to reach.

Between the recorded slowdowns the line is straight, and nobody measured it there.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from analysis.calibration.rates import Condition
from analysis.figures import style
from analysis.regressions.judge import RULES

TITLE = "What the gate catches"
CAPTION = (
    "Each dot is the share of replayed gates that called the slowed model's cells regressed (at 0 %: any cell at "
    "all, a false alarm), with its 95 % interval. Crosses are the bars: on the left the share must be above them, "
    "on the right below. The dotted line is the gate's effect floor: a smaller slowdown is no regression."
)
MODEL = "urnn"  # its colour
FALSE_ALARMS = 0.01  # of whole A/A runs, at most
BARS = {0.05: 0.95, 0.03: 0.70}  # slowdown of one model -> share of gates that call it, at least
CROSS = {"linestyle": "none", "marker": "x", "markersize": 9, "markeredgewidth": 2.2, "color": style.INK}


def draw(found: Sequence[Condition], columns: int = 2) -> Figure:
    """One panel: all slowdowns, and the same with the lowest rates enlarged where it is wide enough."""
    with style.applied():
        figure, axes = style.panels(2, columns, style.width(columns))
        style.title(axes[0], "Caught", "share of replayed gates")
        style.title(axes[1], "False alarms", "share of replayed gates without a change")
        _caught(axes[0], found)
        _false_alarms(axes[1], found[0])
    return figure


def _caught(ax: Axes, found: Sequence[Condition]) -> None:
    look = style.line_style(MODEL, 0)
    sizes = [100 * one.slowdown for one in found]
    rates = [one.called for one in found]
    ax.plot(sizes, [rate.value for rate in rates], gid=style.series_id(MODEL, "cpu"), **look)
    ax.vlines(sizes, [r.low for r in rates], [r.high for r in rates], color=look["color"], linewidth=1.4)
    ax.plot([100 * at for at in BARS], list(BARS.values()), zorder=5, **CROSS)
    ax.axvline(100 * RULES.floor, color=style.MUTED, linestyle=":", linewidth=1.2)
    ax.xaxis.set_major_locator(FixedLocator(sizes))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    ax.set(xlabel="slowdown of one model", ylim=(-0.03, 1.05))


def _false_alarms(ax: Axes, even: Condition) -> None:
    rate, colour = even.called, style.line_style(MODEL, 0)["color"]
    reach = [[rate.value - rate.low], [rate.high - rate.value]]
    ax.errorbar([rate.value], [0], xerr=reach, fmt="o", color=colour, markersize=8)
    ax.plot([FALSE_ALARMS], [0], **CROSS)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    ax.set(xlabel="whole runs with a false alarm", xlim=(-0.0005, max(0.02, 1.2 * rate.high)))
    ax.set(yticks=[], ylim=(-1, 1))
    ax.grid(False, axis="y")
