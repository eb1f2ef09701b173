"""Tables of the pages that are not yet made by `analysis.pages`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A text, what to sort it by, a second line, and a tone that the page marks."""

    text: str
    key: float | str = ""
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """Headings with a mark for numeric columns, rows of cells, and the series of each row."""

    name: str
    headings: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[Cell]]
    series: Sequence[str] = ()
