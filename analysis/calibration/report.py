"""The calibration as a page: what the gate catches, its false alarms, and how noisy the machine is.

One slowed model speaks for all; a noisier one is caught less often, as its spread in the table says.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn
from matplotlib.ticker import PercentFormatter
from scipy import stats

from analysis import units
from analysis.calibration.rates import (
    Condition,
    Effort,
    achieved,
    conditions,
    detectable,
    detectable_file,
    smallest_detectable,
    spreads,
)
from analysis.calibration.recording import COMPACT, Recording, compact
from analysis.figures import style
from analysis.pages import Answer, Bullets, Cell, Column, Facts, Figure, Page, Prose, Section, Table, prose
from analysis.pages.writing import Report, write_page
from analysis.regressions.judge import MARGINS, RULES, SEEN
from analysis.regressions.outputs import metric_label
from analysis.regressions.policy import FIRST_PASSES, MOST_CONFIRMING_PASSES
from analysis.statistics import Estimate
from analysis.vocabulary import DETECTABLE

EFFORT = Effort()
MODEL = "urnn"  # its colour
FALSE_ALARMS, FALSE_ALARMS_BOUND = 0.005, 0.015  # of whole A/A runs, at most; and the upper end of its interval
ALARMS = 1  # of so many commits without a change as REPEATS says, at most
BARS = {0.03: 0.95, 0.02: 0.80}  # slowdown of one model -> share of gates that call it, at least
NAMED = {0.05: 0.80, 0.10: 0.95}  # ... -> share of the slowed model's cells that are named, at least
INCONCLUSIVE = (3, 45)  # cells of a run without a change, at most, and of how many
REPEATS, REFUTED = 100, 0.95  # gates to repeat, and how sure a count outside is to be no chance
CROSS = {"linestyle": "none", "marker": "x", "markersize": 9, "markeredgewidth": 2.2, "color": style.INK}
DEFAULT_TITLE = "What the regression gate is worth"
PROSE = prose(__file__)


def write_report(
    recording: Recording, output: Path, effort: Effort = EFFORT, title: str = DEFAULT_TITLE
) -> Report:
    """Replay gates and write the page, its Markdown and figure, and what is kept of it, into the folder `output`.

    Raises AnalysisError where the folder cannot be written or holds something that is no report.
    """
    seen = detectable(recording)
    files = {
        COMPACT: lambda path: path.write_text(compact(recording), encoding="utf-8"),
        DETECTABLE: lambda path: path.write_text(detectable_file(recording, seen), encoding="utf-8"),
    }
    return write_page(
        lambda: page_of(recording, conditions(recording, effort), seen, effort, title), output, files
    )


def page_of(
    recording: Recording, found: Sequence[Condition], seen: Mapping[str, float], effort: Effort, title: str
) -> Page:
    """Everything the report says."""
    facts = {
        **recording.facts,
        "Recorded passes": str(len(recording.passes)),
        "Cells": str(len(recording.cells)),
        "Slowed model": recording.slowed,
        "Replayed gates": f"{effort.gates:,} for each size, {effort.redrawn} x {effort.gates_each} for intervals; "
        f"{effort.finer} times as many without a change",
    }
    remarks = [Section("Remarks of the recording", [Bullets(recording.notes)])] if recording.notes else []
    sections = [
        Section("", [Answer(headlines(recording, found), list(facts.items()))]),
        Section("Figure", [Figure("detection", *PROSE["figures"]["detection"], draw).of(found)]),
        Section("Rates", [Prose(PROSE["explain"]["rates"]), _rates(recording, found)]),
        Section("Called regressed, cell by cell", [_by_cell(recording, found)]),
        Section("How noisy this machine is", [Prose(PROSE["explain"]["noise"]), _spreads(recording, seen)]),
        Section("What would refute this", [Bullets(refutations(recording, found))]),
        *remarks,
        Section("How it was made", [Facts([*PROSE["method"].items(), *_rules()])]),
    ]
    return Page("Calibration", title, sections)


def headlines(recording: Recording, found: Sequence[Condition]) -> list[str]:
    """Each bar, met or missed, and the smallest slowdown that is caught."""
    even, slowed = found[0], {one.slowdown: one.called for one in found[1:]}
    alarms = REPEATS * even.called.value
    said = [
        f"Without a change, a whole run of {len(recording.cells)} cells called a regression in "
        f"{_rate(even.called)} of replayed gates; the bar is {units.per_cent(FALSE_ALARMS)} at most, "
        f"{units.per_cent(FALSE_ALARMS_BOUND)} for the upper end: "
        f"{_met(even.called.value <= FALSE_ALARMS and even.called.high <= FALSE_ALARMS_BOUND)}.",
        f"Of {REPEATS} commits that change nothing timed it would call {alarms:.1f} in the mean; the bar is "
        f"{ALARMS} at most: {_met(alarms <= ALARMS)}.",
    ]
    said += [
        f"A slowdown of {units.per_cent(size)} of {recording.slowed} was called in {_rate(slowed[size])}; "
        f"the bar is {units.per_cent(wanted)} at least: {_met(slowed[size].value >= wanted)}."
        for size, wanted in BARS.items()
        if size in slowed
    ]
    said += [
        f"Of a slowdown of {units.per_cent(size)}, {units.share(one.named)} of the model's cells were named; the "
        f"bar is {units.per_cent(wanted)} at least: {_met(one.named >= wanted)}. Another model's cell was named "
        f"in {units.share(one.others)} of gates; the bar is none: {_met(one.others == 0)}."
        for size, wanted in NAMED.items()
        for one in found
        if one.slowdown == size
    ]
    unclear, (most, of) = even.inconclusive, INCONCLUSIVE
    said.append(
        f"Without a change {unclear * len(recording.cells):.1f} of {len(recording.cells)} cells are inconclusive "
        f"in the mean; the bar is {most / of * len(recording.cells):.1f} at most, {most} of every {of}: "
        f"{_met(unclear <= most / of)}."
    )
    for share in (0.95, 0.70):
        size = smallest_detectable(found, share)
        smallest = "none of those recorded" if size is None else units.share(size)
        said.append(f"The smallest slowdown that {units.per_cent(share)} of gates call: {smallest}.")
    middle, longest = even.minutes
    said.append(
        f"Without a change a gate takes {middle:.1f} minutes, 95 of 100 at most {longest:.1f}, builds and counts "
        "apart."
    )
    return said


def refutations(recording: Recording, found: Sequence[Condition]) -> list[str]:
    """What somebody would have to see on this machine for the rates not to hold, by their intervals."""
    most = int(stats.binom.ppf(REFUTED, REPEATS, found[0].called.high))
    said = [
        f"The rate of false alarms, if of {REPEATS} gates of one commit against itself more than {most} call a "
        "regression."
    ]
    for one in found[1:]:
        least = int(stats.binom.ppf(1 - REFUTED, REPEATS, one.called.low))
        if least:
            said.append(
                f"What is caught of {units.per_cent(one.slowdown)}, if fewer than {least} of {REPEATS} gates call "
                f"a commit that slows {recording.slowed} by so much."
            )
    noisiest = spreads(recording).iloc[:, -1].max()
    said.append(
        "All of it, for a machine on which two processes of one commit differ by a standard deviation of more "
        f"than {units.share(noisiest)}, the most of any cell here; calibrate measures that."
    )
    return said


def _met(holds: bool) -> str:
    return "met" if holds else "missed"


def _rate(rate: Estimate) -> str:
    return f"{units.share(rate.value)} ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _rates(recording: Recording, found: Sequence[Condition]) -> Table:
    measured = [sorted(achieved(recording, one.side).values()) if one.slowdown else [] for one in found]
    rows = [
        [
            Cell(units.per_cent(one.slowdown) if one.slowdown else "none", one.slowdown),
            Cell(f"{units.share(really[0])} to {units.share(really[-1])}" if really else "", one.slowdown),
            one.called,
            one.named if one.slowdown else Cell("", -1),
            one.others if one.slowdown else Cell("", -1),
            one.inconclusive,
            one.faster,
            Cell(f"{one.minutes[0]:.1f}", one.minutes[0], f"95 of 100 within {one.minutes[1]:.1f}"),
        ]
        for one, really in zip(found, measured, strict=True)
    ]
    headings = ("Slowdown", "Measured", "Called regressed", "Cells inconclusive")
    columns = [Column(heading, units.share) for heading in headings]
    columns += [Column("Cells called faster", lambda share: f"{100 * share:.2f} %"), Column("Minutes", str)]
    columns[3:3] = [Column("Its cells named", units.share), Column("Another model named", units.share)]
    return Table("Rates", columns, rows, style="compact")


def _by_cell(recording: Recording, found: Sequence[Condition]) -> Table:
    slowed = found[1:]
    rows = [[cell, *(one.by_cell[cell] for one in slowed)] for cell in recording.slowed_cells]
    columns = [Column("Cell"), *(Column(units.per_cent(one.slowdown), units.share) for one in slowed)]
    return Table("Called regressed, cell by cell", columns, rows, style="compact")


def _spreads(recording: Recording, seen: Mapping[str, float]) -> Table:
    rows = [[*row, seen.get(row.Index)] for row in spreads(recording).itertuples()]
    headings = (
        "Two processes of one commit",
        "With the sentinel",
        f"Seen by {units.per_cent(SEEN)} of gates from",
    )
    columns = [Column("Cell"), *(Column(heading, units.share) for heading in headings)]
    return Table("How noisy this machine is", columns, rows, style="compact")


def _rules() -> list[tuple[str, str]]:
    margins = ", ".join(
        f"{metric_label(metric).lower()} {units.per_cent(margin)}" for metric, margin in MARGINS.items()
    )
    return [
        ("Level", f"{units.per_cent(RULES.level)} for a whole run (Holm across cells, then across suspects)."),
        ("Effect floor", f"{units.per_cent(RULES.floor)}: a smaller mean slowdown is no regression."),
        ("Pass", f"the 95 % interval ends below {units.per_cent(RULES.tolerated)}."),
        ("Passes", f"{FIRST_PASSES} first, more of what is open, at most {MOST_CONFIRMING_PASSES} to confirm."),
        ("Deterministic figures", f"any increase beyond a margin is a regression: {margins}."),
    ]


def draw(found: Sequence[Condition], columns: int = 2) -> Drawn:
    """One panel: all slowdowns, and the same with the lowest rates enlarged where it is wide enough."""
    with style.applied():
        figure, axes = style.panels(2, columns, style.width(columns))
        _caught(axes[0], found)
        _false_alarms(axes[1], found[0].called)
    return figure


def _caught(ax: Axes, found: Sequence[Condition]) -> None:
    style.title(ax, "Caught", "share of replayed gates")
    look, sizes = style.line_style(MODEL, 0), [100 * one.slowdown for one in found]
    rates = pd.DataFrame([one.called for one in found])
    ax.plot(sizes, rates["value"], gid=style.series_id(MODEL, "cpu"), **look)
    ax.vlines(sizes, rates["low"], rates["high"], color=look["color"], linewidth=1.4)
    ax.plot([100 * at for at in BARS], list(BARS.values()), zorder=5, **CROSS)
    ax.axvline(100 * RULES.floor, color=style.MUTED, linestyle=":", linewidth=1.2)
    ax.set_xticks(sizes, [f"{size:g} %" for size in sizes])
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    ax.set(xlabel="slowdown of one model", ylim=(-0.03, 1.05))


def _false_alarms(ax: Axes, rate: Estimate) -> None:
    style.title(ax, "False alarms", "share of replayed gates without a change")
    low, value, high = 100 * rate.low, 100 * rate.value, 100 * rate.high
    colour = style.line_style(MODEL, 0)["color"]
    ax.errorbar([value], [0], xerr=[[value - low], [high - value]], fmt="o", color=colour, markersize=8)
    ax.plot([100 * FALSE_ALARMS], [0], **CROSS)
    ax.xaxis.set_major_formatter("{x:g} %")
    ax.set(xlabel="whole runs with a false alarm", xlim=(-0.05, max(2, 1.2 * high)), yticks=[], ylim=(-1, 1))
    ax.grid(False, axis="y")
