"""The calibration as a folder to look at: page, Markdown, figure, and the recording that it was made from.

Known weakness: one slowed model speaks for all; a noisier one is caught less often, as its spread in the table
says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis import units
from analysis.calibration import detection
from analysis.calibration.bars import BARS, FALSE_ALARMS
from analysis.calibration.rates import Condition, Effort, Rate, conditions, smallest_detectable
from analysis.calibration.recording import COMPACT, Recording, compact
from analysis.calibration.spread import achieved, spreads
from analysis.figures import name
from analysis.pages.atomic_folder import MARK, replacing_folder
from analysis.regressions.policy import FIRST_ROUNDS, MOST_CONFIRMING_ROUNDS
from analysis.regressions.rules import MARGINS, RULES
from analysis.regressions.wording import metric_label
from analysis.report import Report
from analysis.report.drawings import Drawing, draw_figure
from analysis.report.markup import environment, frame, table_md
from analysis.report.tables import Cell, Table

EFFORT = Effort()
DEFAULT_TITLE = "What the regression gate is worth"


@dataclass(frozen=True)
class Content:
    """What page and Markdown say, free of any markup."""

    title: str
    headlines: list[str]
    facts: list[tuple[str, str]]
    rates: Table
    cells: Table
    spreads: Table
    rules: list[tuple[str, str]]
    notes: list[str]


def gather(
    recording: Recording, found: Sequence[Condition], effort: Effort, title: str = DEFAULT_TITLE
) -> Content:
    """Work out everything the report says."""
    each = f"{effort.gates:,} for each size, and {effort.redrawn} x {effort.gates_each} for intervals"
    facts = {
        **recording.facts,
        "Recorded rounds": str(len(recording.rounds)),
        "Cells": str(len(recording.cells)),
        "Slowed model": recording.slowed,
        "Replayed gates": each,
    }
    return Content(
        title,
        headlines(recording, found),
        list(facts.items()),
        _rates(recording, found),
        _by_cell(recording, found),
        _spreads(recording),
        _rules(),
        list(recording.notes),
    )


def headlines(recording: Recording, found: Sequence[Condition]) -> list[str]:
    """The bars, one by one, and what is smallest; ready to say the opposite."""
    even, slowed = found[0], {one.slowdown: one for one in found[1:]}
    bar = f"the bar is {units.per_cent(FALSE_ALARMS)} at most: {_met(even.called.value <= FALSE_ALARMS)}"
    said = [
        f"Without a change, a whole run of {len(recording.cells)} cells called a regression in "
        f"{_rate(even.called)} of replayed gates; {bar}."
    ]
    for size, wanted in BARS.items():
        if size in slowed:
            rate = slowed[size].called
            bar = f"the bar is {units.per_cent(wanted)} at least: {_met(rate.value >= wanted)}"
            change = f"A slowdown of {units.per_cent(size)} of {recording.slowed}"
            said.append(f"{change} was called in {_rate(rate)}; {bar}.")
    for share in (0.95, 0.70):
        size = smallest_detectable(found, share)
        smallest = "none of those recorded" if size is None else f"{100 * size:.1f} %"
        said.append(f"The smallest slowdown that {units.per_cent(share)} of gates call: {smallest}.")
    middle, most = even.minutes
    said.append(f"Without a change a gate takes {middle:.1f} minutes, 95 of 100 at most {most:.1f}, builds apart.")
    return said


def write_report(
    recording: Recording, output: Path, effort: Effort = EFFORT, title: str = DEFAULT_TITLE
) -> Report:
    """Replay gates and write index.html, report.md, figures/ and recording.json into the folder `output`.

    Raises AnalysisError where the folder cannot be written or holds something that is no report.
    """
    found = conditions(recording, effort)
    content = gather(recording, found, effort, title)
    with replacing_folder(output) as folder:
        figures = folder / "figures"
        figures.mkdir()
        drawing = draw_figure(detection, found, [detection.MODEL], figures)
        (folder / MARK).write_text(html(content, drawing), encoding="utf-8")
        (folder / "report.md").write_text(markdown(content), encoding="utf-8")
        (folder / COMPACT).write_text(compact(recording), encoding="utf-8")
    return Report(output / MARK, content.headlines)


def html(content: Content, drawing: Drawing) -> str:
    """The page, with style, script and drawing inside."""
    shown = frame(content.title, [detection.MODEL], [])
    return environment().get_template("calibration.html.j2").render(**shown, content=content, drawing=drawing)


def markdown(content: Content) -> str:
    """The report for a pull request or a note."""
    template = environment().get_template("calibration.md.j2")
    drawn = (name(detection), detection.TITLE, detection.CAPTION)
    return template.render(content=content, table_md=table_md, figure=drawn)


def _met(holds: bool) -> str:
    return "met" if holds else "missed"


def _rate(rate: Rate) -> str:
    return f"{100 * rate.value:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _rates(recording: Recording, found: Sequence[Condition]) -> Table:
    rows = []
    for one in found:
        really = achieved(recording, one.side).values() if one.slowdown else []
        span = f"{100 * min(really):.1f} to {100 * max(really):.1f} %" if really else ""
        rows.append(
            [
                Cell(units.per_cent(one.slowdown) if one.slowdown else "none", one.slowdown),
                Cell(span, one.slowdown),
                Cell(f"{100 * one.called.value:.1f} %", one.called.value),
                Cell(f"{100 * one.called.low:.1f} to {100 * one.called.high:.1f} %", one.called.low),
                Cell(f"{100 * one.inconclusive:.1f} %", one.inconclusive),
                Cell(f"{100 * one.faster:.2f} %", one.faster),
                Cell(f"{one.minutes[0]:.1f}", one.minutes[0], f"95 of 100 within {one.minutes[1]:.1f}"),
            ]
        )
    headings = [
        *(("Slowdown", True), ("Measured", True), ("Called regressed", True), ("95 % interval", True)),
        *(("Cells inconclusive", True), ("Cells called faster", True), ("Minutes", True)),
    ]
    return Table("Rates", headings, rows)


def _by_cell(recording: Recording, found: Sequence[Condition]) -> Table:
    slowed = found[1:]
    rows = [
        [
            Cell(cell, cell),
            *(Cell(f"{100 * one.by_cell[cell]:.1f} %", one.by_cell[cell]) for one in slowed),
        ]
        for cell in recording.slowed_cells
    ]
    headings = [("Cell", False), *((units.per_cent(one.slowdown), True) for one in slowed)]
    return Table("Called regressed, cell by cell", headings, rows)


def _spreads(recording: Recording) -> Table:
    rows = [
        [
            Cell(one.cell, one.cell),
            Cell(f"{100 * one.plain:.1f} %", one.plain),
            Cell(f"{100 * one.guarded:.1f} %", one.guarded),
        ]
        for one in spreads(recording)
    ]
    headings = [("Cell", False), ("Two processes of one commit", True), ("With the sentinel", True)]
    return Table("How noisy this machine is", headings, rows)


def _rules() -> list[tuple[str, str]]:
    margins = ", ".join(
        f"{metric_label(metric).lower()} {units.per_cent(margin)}" for metric, margin in MARGINS.items()
    )
    return [
        ("Level", f"{units.per_cent(RULES.level)} for a whole run (Holm across cells, then across suspects)"),
        ("Effect floor", f"{units.per_cent(RULES.floor)}: a smaller mean slowdown is no regression"),
        ("Pass", f"the 95 % interval ends below {units.per_cent(RULES.tolerated)}"),
        ("Rounds", f"{FIRST_ROUNDS} first, more of what is open, at most {MOST_CONFIRMING_ROUNDS} to confirm"),
        ("Deterministic figures", f"any increase beyond a margin is a regression: {margins}"),
    ]
