"""The history as a page: changes newest first, the series, and the commits behind them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import units
from analysis.figures.style import series_in_order
from analysis.history import levels, otava
from analysis.history.changes import ASV, OTAVA, changes
from analysis.history.commits import FASTEST, History
from analysis.pages import (
    Answer,
    Bullets,
    Cell,
    Code,
    Column,
    Details,
    Facts,
    Figure,
    Page,
    Section,
    Table,
    Text,
    between,
    folded,
    prose,
)
from analysis.pages.writing import Report, write_page
from analysis.regressions.outputs import metric_label
from analysis.vocabulary import PEAK_ALLOCATED, SENTINEL, STEP_TIME, counted
from analysis.vocabulary import Cell as MeasuredCell

DEFAULT_TITLE = "When the kernels became faster"
TESTS = {
    STEP_TIME: "step_time.OverHiddenSize.time_call",
    PEAK_ALLOCATED: "memory.OverHiddenSize.track_peak_allocated_bytes",
}
PROSE = prose(__file__)


def write_report(history: History, output: Path, title: str = DEFAULT_TITLE) -> Report:
    """Write the page, its Markdown and figure into the folder `output`, or leave what was there as it was.

    Raises AnalysisError where the folder cannot be written, holds something that is no report, or Otava fails.
    """
    tool = otava.program()
    times = history.points[history.points["metric"] == STEP_TIME]
    asked = {number: np.exp(levels).tolist() for number, levels in times.groupby("number")["level"]}
    found = changes(history.points, otava.change_points(tool, asked) if tool else None)
    return write_page(lambda: page_of(history, found, asked_otava=tool is not None, title=title), output)


def page_of(history: History, found: pd.DataFrame, asked_otava: bool, title: str) -> Page:
    """Everything the report says."""
    searched = f"{ASV}'s step detection"
    facts = {
        **history.facts,
        "Commits": f"{len(history.measured)} measured of {len(history.commits)} asked for",
        "Changes found by": f"{OTAVA} and {searched}" if asked_otava else f"{searched}; {OTAVA} is not installed",
    }
    figure = Figure("levels", *PROSE["figures"]["levels"], levels.draw).of((history, found))
    bisections = Facts([(_name(change), Code(bisection(change))) for change in found.itertuples()])
    again = f"To look for the commit again, with asv's own bisection ({len(found)})"
    sections = [
        Section("", [Answer(headlines(history, found), list(facts.items()))]),
        Section("Changes, newest first", [_changes(found)]),
        Section("Figure", [figure]),
        Section("What would refute this", [Bullets(refutations(history, found))]),
        Section("", [*([Details(again, [bisections])] if len(found) else []), folded(_commits(history.commits))]),
        Section("How each figure was made", [Facts(list(PROSE["method"].items()))]),
    ]
    return Page("History", title, sections, series_in_order(history.points))


def headlines(history: History, found: pd.DataFrame) -> list[str]:
    """How far the uRNN came, its largest step, and how often it became slower."""
    ours = history.points[(history.points["backend"] == FASTEST) & (history.points["metric"] == STEP_TIME)]
    said = [_journey(series) for _, series in ours.groupby("number")]
    times = found[(found["metric"] == STEP_TIME) & (found["backend"] == FASTEST)]
    faster = times[times["high"] < 1].sort_values("ratio", kind="stable")
    for best in faster.head(1).itertuples():
        said.append(
            f"The largest step: {best.name}, \u201c{best.subject}\u201d, {best.place}: "
            f"{units.factor(1 / best.ratio)} times as fast."
        )
    said.append(
        f"{counted(len(faster), 'improvement')} of the uRNN at {counted(faster['commit'].nunique(), 'commit')}, "
        f"{counted((times['low'] > 1).sum(), 'regression')}."
    )
    return said


def refutations(history: History, found: pd.DataFrame) -> list[Text]:
    """What somebody would have to see on this machine for the page to be wrong: of changes, levels and drift."""
    said: list[Text] = []
    times = found[found["metric"] == STEP_TIME]
    for one in times.loc[[*times["ratio"].map(np.log).abs().nlargest(1).index]].itertuples():
        said.append(
            (
                f"The largest change, if {one.name} takes less than {units.per_cent(one.low)} or more than "
                f"{units.per_cent(one.high)} of the time of {one.before} in more than one of twenty repeats of",
                Code(f"python -m bench gate --base {one.before} --head {one.name}"),
            )
        )
    levels = history.points["number"].nunique() + len(found)
    said.append(
        f"The {counted(levels, 'level')} between the changes, if the gate calls two commits of one level of a "
        "series regressed or faster more often than its calibration says."
    )
    slow = history.points[
        (history.points["cell"].str.startswith(SENTINEL)) & (history.points["metric"] == STEP_TIME)
    ]
    if len(slow):
        drift = np.exp(slow.groupby("number")["level"].agg(lambda one: one.max() - one.min()).max()) - 1
        said.append(
            f"Every change smaller than the {units.per_cent(drift)} by which nn.LSTM drifted, if that drift is of "
            "nn.LSTM alone: it was taken out of the other times as the machine's."
        )
    return said


def _journey(series: pd.DataFrame) -> str:
    """From the first commit to the last, the sentinel's drift taken out."""
    points = list(series.itertuples())
    start, end = points[0], points[-1]
    first, last = np.exp([start.level, end.level])
    return (
        f"{start.place}: {units.seconds(first)} a time step at {start.name}, {units.seconds(last)} at {end.name}, "
        f"{units.factor(first / last)} times as fast."
    )


def _name(change: Any) -> str:
    """Where and what, in few words."""
    return f"{change.name}, {change.series}, {change.place}, {metric_label(change.metric).lower()}"


def bisection(change: Any) -> str:
    """The command that looks for the commit between the two, cell and all, with asv's own bisection."""
    cell = MeasuredCell.from_id(change.cell)
    values = (cell.variant, cell.phase, cell.device, cell.hidden_size, cell.length, cell.batch)
    literals = ", ".join(map(repr, values))
    test = f"{TESTS[change.metric]}\\({literals}\\)".replace(".", "\\.")
    return f'URNN_BENCH_PROFILE=ci asv find {change.before}..{change.name} "{test}"'


def _per_cent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"


def _changes(found: pd.DataFrame) -> Table:
    rows = []
    for number, one in enumerate(found.itertuples()):
        tone = "crosses" if one.low > 1 else "ahead" if one.high < 1 else "none"
        interval = "exact" if one.metric == PEAK_ALLOCATED else between(one.low, one.high, _per_cent)
        where = Cell(f"{one.name} {one.subject}", number, f"{one.time[:10]}; after {one.before}")
        size, metric = Cell(_per_cent(one.ratio), one.ratio, interval, tone), metric_label(one.metric).capitalize()
        rows.append([where, f"{one.series}; {one.place}", metric, size, " and ".join(one.found_by)])
    change = Column("Change, 95 % interval", _per_cent)
    columns = [*map(Column, ("Commit", "What", "Metric")), change, Column("Found by")]
    return Table("Changes, newest first", columns, rows, style="statements changes")


def _commits(commits: pd.DataFrame) -> Table:
    rows = []
    for number, one in enumerate(commits[::-1].itertuples()):
        time = Cell(one.time[:16].replace("T", " "), one.time)
        outcome = Cell(f"not measured: {one.failure}", tone="none") if one.failure else "measured"
        rows.append([Cell(one.name, number), time, one.subject, outcome])
    return Table("Commits", [*map(Column, ("Commit", "Time", "Subject", "Outcome"))], rows)
