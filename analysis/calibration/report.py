"""The calibration as a page: what the gate catches, its false alarms, and how noisy the machine is.

One slowed model speaks for all; a noisier one is caught less often, as its spread in the table says.
"""

from collections.abc import Sequence
from pathlib import Path

from analysis import units
from analysis.calibration.detection import BARS, CAPTION, FALSE_ALARMS, TITLE, draw
from analysis.calibration.rates import Condition, Effort, conditions, smallest_detectable
from analysis.calibration.recording import COMPACT, Recording, compact
from analysis.calibration.spread import achieved, spreads
from analysis.pages import Answer, Bullets, Cell, Column, Facts, Figure, Page, Prose, Section, Table, between
from analysis.pages.writing import Report, write_page
from analysis.regressions.judge import MARGINS, RULES
from analysis.regressions.outputs import metric_label
from analysis.regressions.policy import FIRST_PASSES, MOST_CONFIRMING_PASSES
from analysis.statistics import Estimate

EFFORT = Effort()
DEFAULT_TITLE = "What the regression gate is worth"
METHOD = (
    (
        "Recording",
        "Real passes on this machine: in each, every cell was measured for the commit, for the same commit once "
        "more, and for slowed copies, in turn and in separate processes, as the gate measures.",
    ),
    (
        "Replay",
        "Gates were simulated from these passes: whole passes in random order, two fifths of the recording for "
        "the screening and the others for the confirmation, every decision taken by the gate's own code. Without "
        "a change, which of the two equal sides is called base is tossed for each pass.",
    ),
    (
        "Interval",
        "The wider of the exact binomial one and of a bootstrap that draws the recorded passes anew before it "
        "replays: a short recording gives a wide interval.",
    ),
)
RATES = (
    "Each row is a change that is known: none, or every call of one model stretched by so much of its own time in "
    "a temporary copy. Measured is what the copies' times say, over the slowed model's cells."
)
NOISE = (
    "Standard deviation, over the recorded passes, of the ratio of two processes that ran the same commit in one "
    "pass."
)


def write_report(
    recording: Recording, output: Path, effort: Effort = EFFORT, title: str = DEFAULT_TITLE
) -> Report:
    """Replay gates and write the page, its Markdown and figure, and recording.json into the folder `output`.

    Raises AnalysisError where the folder cannot be written or holds something that is no report.
    """
    files = {COMPACT: lambda path: path.write_text(compact(recording), encoding="utf-8")}
    return write_page(lambda: page_of(recording, conditions(recording, effort), effort, title), output, files)


def page_of(recording: Recording, found: Sequence[Condition], effort: Effort, title: str) -> Page:
    """Everything the report says."""
    facts = {
        **recording.facts,
        "Recorded passes": str(len(recording.passes)),
        "Cells": str(len(recording.cells)),
        "Slowed model": recording.slowed,
        "Replayed gates": f"{effort.gates:,} for each size, {effort.redrawn} x {effort.gates_each} for intervals",
    }
    remarks = [Section("Remarks of the recording", [Bullets(recording.notes)])] if recording.notes else []
    sections = [
        Section("", [Answer(headlines(recording, found), list(facts.items()))]),
        Section("Figure", [Figure("figures/detection", TITLE, CAPTION, draw, found)]),
        Section("Rates", [Prose(RATES), _rates(recording, found)]),
        Section("Called regressed, cell by cell", [_by_cell(recording, found)]),
        Section("How noisy this machine is", [Prose(NOISE), _spreads(recording)]),
        *remarks,
        Section("How it was made", [Facts([*METHOD, *_rules()])]),
    ]
    return Page("Calibration", title, sections)


def headlines(recording: Recording, found: Sequence[Condition]) -> list[str]:
    """Each bar, met or missed, and the smallest slowdown that is caught."""
    even, slowed = found[0], {one.slowdown: one.called for one in found[1:]}
    said = [
        f"Without a change, a whole run of {len(recording.cells)} cells called a regression in "
        f"{_rate(even.called)} of replayed gates; the bar is {units.per_cent(FALSE_ALARMS)} at most: "
        f"{_met(even.called.value <= FALSE_ALARMS)}."
    ]
    said += [
        f"A slowdown of {units.per_cent(size)} of {recording.slowed} was called in {_rate(slowed[size])}; "
        f"the bar is {units.per_cent(wanted)} at least: {_met(slowed[size].value >= wanted)}."
        for size, wanted in BARS.items()
        if size in slowed
    ]
    for share in (0.95, 0.70):
        size = smallest_detectable(found, share)
        smallest = "none of those recorded" if size is None else _per_cent(size)
        said.append(f"The smallest slowdown that {units.per_cent(share)} of gates call: {smallest}.")
    middle, most = even.minutes
    said.append(f"Without a change a gate takes {middle:.1f} minutes, 95 of 100 at most {most:.1f}, builds apart.")
    return said


def _met(holds: bool) -> str:
    return "met" if holds else "missed"


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _rate(rate: Estimate) -> str:
    return f"{_per_cent(rate.value)} ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _rates(recording: Recording, found: Sequence[Condition]) -> Table:
    rows = []
    for one in found:
        really = achieved(recording, one.side).values() if one.slowdown else []
        called, (minutes, most) = one.called, one.minutes
        rows.append(
            [
                Cell(units.per_cent(one.slowdown) if one.slowdown else "none", one.slowdown),
                Cell(between(min(really), max(really), _per_cent) if really else "", one.slowdown),
                Cell(_per_cent(called.value), called.value, between(called.low, called.high, _per_cent)),
                one.inconclusive,
                one.faster,
                Cell(f"{minutes:.1f}", minutes, f"95 of 100 within {most:.1f}"),
            ]
        )
    headings = ("Slowdown", "Measured", "Called regressed", "Cells inconclusive")
    columns = [Column(heading, _per_cent) for heading in headings]
    columns += [Column("Cells called faster", lambda share: f"{100 * share:.2f} %"), Column("Minutes", str)]
    return Table("Rates", columns, rows, style="compact")


def _by_cell(recording: Recording, found: Sequence[Condition]) -> Table:
    slowed = found[1:]
    rows = [[cell, *(one.by_cell[cell] for one in slowed)] for cell in recording.slowed_cells]
    columns = [Column("Cell"), *(Column(units.per_cent(one.slowdown), _per_cent) for one in slowed)]
    return Table("Called regressed, cell by cell", columns, rows, style="compact")


def _spreads(recording: Recording) -> Table:
    rows = [list(row) for row in spreads(recording).itertuples()]
    headings = ("Two processes of one commit", "With the sentinel")
    columns = [Column("Cell"), *(Column(heading, _per_cent) for heading in headings)]
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
