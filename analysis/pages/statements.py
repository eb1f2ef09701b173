"""What a paper says beside what was measured here, and whether the two agree, as a table for several reports."""

from __future__ import annotations

from typing import NamedTuple

from analysis.pages import Cell, Column, Table
from analysis.units import NOT_MEASURED

AGREE, DIFFER, NOT_DECIDED, NOT_RUN = "agree", "differ", "not decided", "not run"
VERDICTS = (AGREE, DIFFER, NOT_DECIDED, NOT_RUN)
TONES = {AGREE: "ahead", DIFFER: "behind", NOT_DECIDED: "crosses", NOT_RUN: "none"}


class Judged(NamedTuple):
    """A statement in our words, its place in the paper, the test in words, what was measured, and the verdict."""

    says: str
    source: str
    test: str
    measured: str
    verdict: str


def statements(found: list[Judged], title: str, heading: str = "The paper says") -> Table:
    """A row a statement, in their order."""
    columns = [Column(heading), Column("Measured here"), Column("Verdict")]
    rows = [
        [
            Cell(one.says, number, f"{one.source}; tested: {one.test}"),
            one.measured or NOT_MEASURED,
            Cell(one.verdict, one.verdict, tone=TONES[one.verdict]),
        ]
        for number, one in enumerate(found)
    ]
    return Table(title, columns, rows, style="statements")
