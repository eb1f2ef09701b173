"""The history as a folder to look at: changes newest first, the series, and the commits behind them.

Known weakness: English only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis import units
from analysis.figures import name
from analysis.history import levels, otava
from analysis.history.changes import ASV, OTAVA, Change, changes
from analysis.history.commits import FASTEST, Commit, History, Series
from analysis.pages.atomic_folder import MARK, replacing_folder
from analysis.regressions.wording import metric_label
from analysis.report import Report
from analysis.report.drawings import Drawing, colourful, draw_figure
from analysis.report.markup import environment, frame, table_md
from analysis.report.section import Series as Chip
from analysis.report.tables import Cell, Table
from analysis.schema import PEAK_ALLOCATED, STEP_TIME
from analysis.statistics.log_ratio import Floats
from analysis.vocabulary import Cell as MeasuredCell
from analysis.vocabulary import counted

DEFAULT_TITLE = "When the kernels became faster"
TESTS = {
    STEP_TIME: "step_time.OverHiddenSize.time_call",
    PEAK_ALLOCATED: "memory.OverHiddenSize.track_peak_allocated_bytes",
}


@dataclass(frozen=True)
class Content:
    """What page and Markdown say, free of any markup."""

    title: str
    headlines: list[str]
    facts: list[tuple[str, str]]
    changes: Table
    bisections: list[tuple[str, str]]
    commits: Table
    chips: list[Chip]


def write_report(history: History, output: Path, title: str = DEFAULT_TITLE) -> Report:
    """Write index.html, report.md and figures/ into the folder `output`, or leave what was there as it was.

    Raises AnalysisError where the folder cannot be written, holds something that is no report, or Otava fails.
    """
    tool = otava.program()
    times = [one for one in history.series if one.metric == STEP_TIME]
    asked = {str(number): list(map(float, _seconds(one))) for number, one in enumerate(times)}
    points = otava.change_points(tool, asked) if tool else {}
    found = changes(history.series, {one: points.get(str(number), ()) for number, one in enumerate(times)})
    content = gather(history, found, asked_otava=tool is not None, title=title)
    with replacing_folder(output) as folder:
        figures = folder / "figures"
        figures.mkdir()
        drawing = draw_figure(levels, levels.Drawn(history, found), colourful(content.chips), figures)
        (folder / MARK).write_text(html(content, drawing), encoding="utf-8")
        (folder / "report.md").write_text(markdown(content), encoding="utf-8")
    return Report(output / MARK, content.headlines)


def gather(history: History, found: Sequence[Change], asked_otava: bool, title: str = DEFAULT_TITLE) -> Content:
    """Work out everything the report says."""
    measured = [one for one in history.commits if not one.failure]
    searched = (
        f"{OTAVA} and {ASV}'s step detection"
        if asked_otava
        else f"{ASV}'s step detection; {OTAVA} is not installed"
    )
    facts = {
        **history.facts,
        "Commits": f"{len(measured)} measured of {len(history.commits)} that changed what is timed",
        "Changes found by": searched,
    }
    chips = dict.fromkeys(Chip(one.model, one.backend, one.label) for one in history.series)
    return Content(
        title,
        headlines(history, found),
        list(facts.items()),
        _changes(found),
        [(change_name(change), bisection(change)) for change in found],
        _commits(history.commits),
        list(chips),
    )


def headlines(history: History, found: Sequence[Change]) -> list[str]:
    """How far the uRNN came, its largest steps, and what became slower; ready to say that nothing did."""
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
    points = series.points
    return (
        f"{series.place}: {units.seconds(first)} a time step at {points[0].commit.name}, {units.seconds(last)} at "
        f"{points[-1].commit.name}, {units.factor(first / last)} times as fast."
    )


def html(content: Content, drawing: Drawing) -> str:
    """The page, with style, script and drawing inside."""
    chips = [(one.model, f"{one.model}:{one.backend}", one.label) for one in content.chips]
    shown = frame(content.title, colourful(content.chips), chips)
    return environment().get_template("history.html.j2").render(**shown, content=content, drawing=drawing)


def markdown(content: Content) -> str:
    """The report for a pull request or a note."""
    template = environment().get_template("history.md.j2")
    return template.render(content=content, table_md=table_md, figure=(name(levels), levels.TITLE, levels.CAPTION))


def change_name(change: Change) -> str:
    """Where and what, in few words."""
    return f"{change.commit.name}, {change.series.label}, {change.series.place}, {_metric(change.series)}"


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


def _metric(series: Series) -> str:
    return metric_label(series.metric).lower()


def _changes(found: Sequence[Change]) -> Table:
    rows = []
    for number, one in enumerate(found):
        slower = one.low > 1
        tone = "crosses" if slower else "ahead" if one.high < 1 else "none"
        exact = one.series.metric == PEAK_ALLOCATED
        rows.append(
            [
                Cell(
                    f"{one.commit.name} {one.commit.subject}",
                    number,
                    f"{one.commit.time[:10]}; after {one.before.name}",
                ),
                Cell(f"{one.series.label}; {one.series.place}", one.series.label),
                Cell(_metric(one.series).capitalize(), one.series.metric),
                Cell(f"{100 * (one.ratio - 1):+.1f} %", one.ratio, tone=tone),
                Cell(
                    "exact" if exact else f"{100 * (one.low - 1):+.1f} to {100 * (one.high - 1):+.1f} %", one.low
                ),
                Cell(" and ".join(one.found_by), " ".join(one.found_by)),
            ]
        )
    headings = [
        *(("Commit", False), ("What", False), ("Metric", False), ("Change", True), ("95 % interval", True)),
        ("Found by", False),
    ]
    return Table("Changes, newest first", headings, rows)


def _commits(commits: Sequence[Commit]) -> Table:
    rows = [
        [
            Cell(one.name, number),
            Cell(one.time[:16].replace("T", " "), one.time),
            Cell(one.subject, one.subject.lower()),
            Cell(
                f"not measured: {one.failure}" if one.failure else "measured",
                one.failure,
                tone="none" if one.failure else "",
            ),
        ]
        for number, one in enumerate(reversed(commits))
    ]
    return Table("Commits", [("Commit", False), ("Time", False), ("Subject", False), ("Outcome", False)], rows)
