"""What a page is made of: sections of blocks, as data; `writing` makes HTML and Markdown of them.

A text is a string, shown as it is; a `Code` is shown as code; a tuple of them is one after the other,
with spaces between. Nothing here knows what a report is about:

    Page("Benchmark report", "The uRNN against nn.LSTM", [
        Section("", [Answer(["It trains faster from n = 256 on."], [("Machine", "box")])]),
        Section("Figures", [Figure("figures/time", "Step time", "Median times.", draw_time, cells)]),
        Section("Step times", [Table("Step times", [Column("Time", units.seconds)], [[1e-3], [None]])]),
    ])
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from analysis.appearance import Series
from analysis.statistics import Estimate
from analysis.units import NOT_MEASURED


class Code(str):
    """A command or a name that is shown as code."""

    __slots__ = ()


Text: TypeAlias = str | tuple[str, ...]


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: Text


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[Text]


@dataclass(frozen=True)
class Answer:
    """The card at the top: the first sentence is the largest, the facts are small."""

    sentences: Sequence[str]
    facts: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Facts:
    """Terms and what is to be known of each."""

    pairs: Sequence[tuple[str, Text]]


@dataclass(frozen=True)
class Cell:
    """A table's cell: its text, what to sort it by (the text by default), lines below it, and a tone.

    Tones are ahead, crosses, behind and none.
    """

    text: str
    key: float | str | None = None
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Column:
    """A table's column. `text` writes its numbers and makes it a column of numbers, aligned right."""

    heading: str
    text: Callable[[Any], str] | None = None

    def cell(self, value: Any) -> Cell:
        """A raw value -> a cell: an Estimate has its interval as a note, None and NaN are 'not measured'."""
        if isinstance(value, Cell):
            return value
        if isinstance(value, str):
            return Cell(value, math.inf if self.text else value.lower(), tone="none" * (value == NOT_MEASURED))
        text, note = self.text or str, ""
        if isinstance(value, Estimate):
            note, value = between(value.low, value.high, text), value.value
        elif value is None or not math.isfinite(value):
            return Cell(NOT_MEASURED, math.inf, tone="none")
        return Cell(text(value), value, note)


def between(low: float, high: float, text: Callable[[Any], str]) -> str:
    """An interval in words, 'low to high'; empty where both ends read alike."""
    first, last = text(low), text(high)
    return "" if first == last else f"{first} to {last}"


@dataclass(frozen=True)
class Table:
    """Rows of raw values or cells under their columns; `series` is the identity of each row's series, if any.

    `style` is a class of the style sheet: compact, statements, results or changes.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    series: Sequence[str] = ()
    style: str = ""

    @cached_property
    def cells(self) -> list[list[Cell]]:
        """Every row as cells."""
        return [[column.cell(value) for column, value in zip(self.columns, row, strict=True)] for row in self.rows]

    def part(self, first: int, last: int | None = None) -> Table:
        """The table with these rows alone."""
        return Table(self.title, self.columns, self.rows[first:last], self.series[first:last], self.style)


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawing: `draw(data)` gives matplotlib's Figure for a wide screen, `draw(data, 1)` that for a narrow one.

    `name` is the path of its files in the report's folder, without an ending. A report keeps its figures as rows
    without data, and says `row.of(data)`.
    """

    name: str
    title: str
    caption: str
    draw: Callable[..., Any]
    data: Any = None

    def of(self, data: Any, folder: str = "figures") -> Figure:
        """The figure of these data, to be written into a folder of the report."""
        return replace(self, name=f"{folder}/{self.name}", data=data)


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away under a line. `search` is the example in a field that filters the rows.

    In Markdown they follow a heading; `page_only` leaves them out there.
    """

    title: str
    blocks: Sequence[Block]
    search: str = ""
    page_only: bool = False
    is_open: bool = False


@dataclass(frozen=True, eq=False)
class Explorer:
    """Measurements that a reader looks through, under an explanation, in the page alone.

    `analysis.report.explorer` makes the data.

    The table of every cell is made of it, too, wherever an `EveryCell` stands. A page has one of these at most.
    """

    data: Mapping[str, Any]
    explain: str


@dataclass(frozen=True)
class EveryCell:
    """The table of all cells of one of the explorer's settings, by its number, in the page alone."""

    setting: int


Block: TypeAlias = Prose | Bullets | Answer | Facts | Table | Figure | Details | Explorer | EveryCell


def prose(module: str) -> dict[str, Any]:
    """The paragraphs of a report, from prose.toml beside one of its modules (a `__file__`)."""
    return tomllib.loads(Path(module).with_name("prose.toml").read_text(encoding="utf-8"))


def folded(table: Table, search: str = "", page_only: bool = False) -> Details:
    """A long table under its title and number of rows."""
    return Details(f"{table.title} ({len(table.rows)})", [table], search, page_only)


def worst(table: Table, shown: int = 10) -> list[Block]:
    """The first rows of a table; the others are folded away, and not in the Markdown."""
    rest = table.part(shown)
    others = [Details(f"The other {len(rest.rows)}", [rest], page_only=True)] if rest.rows else []
    return [table.part(0, shown), *others]


@dataclass(frozen=True)
class Section:
    """A heading with blocks below it; without a title the blocks alone. `level` is that of the heading, from 2."""

    title: str
    blocks: Sequence[Block]
    level: int = 2


@dataclass(frozen=True)
class Page:
    """A whole report. `kind` stands above the title; `series` are what its buttons highlight."""

    kind: str
    title: str
    sections: Sequence[Section]
    series: Sequence[Series] = ()

    @property
    def headlines(self) -> list[str]:
        """The sentences of the first answer."""
        found = (block for section in self.sections for block in section.blocks if isinstance(block, Answer))
        return list(next(found, Answer([])).sentences)

    @property
    def figures(self) -> list[Figure]:
        """Every figure, in the order of the page."""
        return [block for section in self.sections for block in _all(section.blocks) if isinstance(block, Figure)]

    @property
    def explorer(self) -> Explorer | None:
        """The page's explorer, where it has one."""
        found = (block for section in self.sections for block in section.blocks if isinstance(block, Explorer))
        return next(found, None)

    @property
    def tables(self) -> list[Table]:
        """Every table, in the order of the page."""
        return [block for section in self.sections for block in _all(section.blocks) if isinstance(block, Table)]


def _all(blocks: Sequence[Block]) -> Iterator[Block]:
    """The blocks with those inside details."""
    for block in blocks:
        yield block
        if isinstance(block, Details):
            yield from _all(block.blocks)
