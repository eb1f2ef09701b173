"""The history as a page: changes newest first, the series, and the commits behind them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis import appearance, units
from analysis.history import levels, otava
from analysis.history.changes import ASV, OTAVA, Change, changes
from analysis.history.commits import FASTEST, Commit, History, Series
from analysis.pages import (
    Answer,
    Cell,
    Code,
    Column,
    Details,
    Facts,
    Figure,
    Page,
    Section,
    Table,
    between,
    folded,
)
from analysis.pages.writing import Report, write_page
from analysis.regressions.wording import metric_label
from analysis.statistics.log_ratio import Floats
from analysis.vocabulary import PEAK_ALLOCATED, STEP_TIME, counted
from analysis.vocabulary import Cell as MeasuredCell

DEFAULT_TITLE = "When the kernels became faster"
TESTS = {
    STEP_TIME: "step_time.OverHiddenSize.time_call",
    PEAK_ALLOCATED: "memory.OverHiddenSize.track_peak_allocated_bytes",
}
METHOD = (
    (
        "Commits",
        "Those along the first parents of the range that changed what is timed, each measured by the command that "
        "it came with, on one machine, in several processes.",
    ),
    (
        "Sentinel",
        "nn.LSTM is torch's, whatever our commits do. What it drifted from commit to commit is taken out of the "
        "other times.",
    ),
    (
        "Change",
        "A new level of a series, where Apache Otava or asv's step detection sees one, or (neighbours) where it "
        "differs by 15 % from the commit before and the next commit does too; and where the levels differ by more "
        "than the gate's effect floor. The interval is Welch's, over all processes of both levels.",
    ),
    ("Memory", "Bytes are the same at every call, so any difference beyond the gate's margin is a change."),
)


def write_report(history: History, output: Path, title: str = DEFAULT_TITLE) -> Report:
    """Write the page, its Markdown and figure into the folder `output`, or leave what was there as it was.

    Raises AnalysisError where the folder cannot be written, holds something that is no report, or Otava fails.
    """
    tool = otava.program()
    times = [one for one in history.series if one.metric == STEP_TIME]
    asked = {str(number): list(map(float, _seconds(one))) for number, one in enumerate(times)}
    points = otava.change_points(tool, asked) if tool else {}
    found = changes(history.series, {one: points.get(str(number), ()) for number, one in enumerate(times)})
    return write_page(lambda: page_of(history, found, asked_otava=tool is not None, title=title), output)


def page_of(history: History, found: Sequence[Change], asked_otava: bool, title: str) -> Page:
    """Everything the report says."""
    measured = [one for one in history.commits if not one.failure]
    searched = f"{ASV}'s step detection"
    facts = {
        **history.facts,
        "Commits": f"{len(measured)} measured of {len(history.commits)} that changed what is timed",
        "Changes found by": f"{OTAVA} and {searched}" if asked_otava else f"{searched}; {OTAVA} is not installed",
    }
    figure = Figure("figures/levels", levels.TITLE, levels.CAPTION, levels.draw, (history, found))
    bisections = Facts([(_name(change), Code(bisection(change))) for change in found])
    again = f"To look for the commit again, with asv's own bisection ({len(found)})"
    sections = [
        Section("", [Answer(headlines(history, found), list(facts.items()))]),
        Section("Changes, newest first", [_changes(found)]),
        Section("Figure", [figure]),
        Section("", [*([Details(again, [bisections])] if found else []), folded(_commits(history.commits))]),
        Section("How each figure was made", [Facts(METHOD)]),
    ]
    series = dict.fromkeys(appearance.Series(one.model, one.backend, one.label) for one in history.series)
    return Page("History", title, sections, list(series))


def headlines(history: History, found: Sequence[Change]) -> list[str]:
    """How far the uRNN came, its largest step, and how often it became slower."""
    said = [_journey(one) for one in history.series if one.backend == FASTEST and one.metric == STEP_TIME]
    times = [one for one in found if one.series.metric == STEP_TIME and one.series.backend == FASTEST]
    faster = sorted((one for one in times if one.high < 1), key=lambda one: one.ratio)
    slower = [one for one in times if one.low > 1]
    if faster:
        best = faster[0]
        said.append(
            f"The largest step: {best.commit.name}, \u201c{best.commit.subject}\u201d, {best.series.place}: "
            f"{units.factor(1 / best.ratio)} times as fast."
        )
    commits = len({one.commit for one in faster})
    said.append(
        f"{counted(len(faster), 'improvement')} of the uRNN at {counted(commits, 'commit')}, "
        f"{counted(len(slower), 'regression')}."
    )
    return said


def _journey(series: Series) -> str:
    first, last = (float(value) for value in _seconds(series)[[0, -1]])
    start, end = (series.points[at].commit.name for at in (0, -1))
    return (
        f"{series.place}: {units.seconds(first)} a time step at {start}, {units.seconds(last)} at {end}, "
        f"{units.factor(first / last)} times as fast."
    )


def _name(change: Change) -> str:
    """Where and what, in few words."""
    series = change.series
    return f"{change.commit.name}, {series.label}, {series.place}, {metric_label(series.metric).lower()}"


def bisection(change: Change) -> str:
    """The command that looks for the commit between the two, cell and all, with asv's own bisection."""
    cell = MeasuredCell.from_id(change.series.points[change.at].cell)
    values = (cell.variant, cell.phase, cell.device, cell.hidden_size, cell.length, cell.batch)
    literals = ", ".join(repr(value) for value in values)
    test = f"{TESTS[change.series.metric]}\\({literals}\\)".replace(".", "\\.")
    return f'URNN_BENCH_PROFILE=ci asv find {change.before.name}..{change.commit.name} "{test}"'


def _seconds(series: Series) -> Floats:
    """Each commit's time of a step, the sentinel's drift taken out, (points,)."""
    return np.exp(series.levels)


def _per_cent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"


def _changes(found: Sequence[Change]) -> Table:
    rows = []
    for number, one in enumerate(found):
        series, tone = one.series, "crosses" if one.low > 1 else "ahead" if one.high < 1 else "none"
        interval = "exact" if series.metric == PEAK_ALLOCATED else between(one.low, one.high, _per_cent)
        where = Cell(
            f"{one.commit.name} {one.commit.subject}", number, f"{one.commit.time[:10]}; after {one.before.name}"
        )
        size = Cell(_per_cent(one.ratio), one.ratio, interval, tone)
        what, metric = f"{series.label}; {series.place}", metric_label(series.metric).capitalize()
        rows.append([where, what, metric, size, " and ".join(one.found_by)])
    change = Column("Change, 95 % interval", _per_cent)
    columns = [*map(Column, ("Commit", "What", "Metric")), change, Column("Found by")]
    return Table("Changes, newest first", columns, rows, style="statements changes")


def _commits(commits: Sequence[Commit]) -> Table:
    rows = []
    for number, one in enumerate(reversed(commits)):
        time = Cell(one.time[:16].replace("T", " "), one.time)
        outcome = Cell(f"not measured: {one.failure}", tone="none") if one.failure else "measured"
        rows.append([Cell(one.name, number), time, one.subject, outcome])
    return Table("Commits", [*map(Column, ("Commit", "Time", "Subject", "Outcome"))], rows)
