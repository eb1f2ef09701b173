"""Tables as data: headings, and cells with a text to read and a key to sort by.

Why: the page sorts by the measured number, not by its text, and the Markdown shows the same tables.
Known weakness: none known.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd

from analysis import units
from analysis.report import findings
from analysis.report.section import Section, Series
from analysis.report.verdicts import QUESTIONS, Verdict, compact_gain, interval, verdict
from analysis.schema import METRIC_LABELS, PEAK_ALLOCATED, PHASE_LABELS, STEP_TIME
from analysis.statistics import Exponent, exponent
from analysis.statistics.crossover import MATCHES
from analysis.statistics.summary import CELL


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


def number(value: float, text: Callable[[float], str], note: str = "") -> Cell:
    """A measured number with its text; 'not measured' where there is none."""
    missing = value is None or not math.isfinite(value)
    return Cell(units.NOT_MEASURED if missing else text(value), math.inf if missing else value, note)


def _whole(value: float) -> Cell:
    return number(value, lambda number: f"{int(number):,}" if number >= 10000 else str(int(number)))


def _name(text: str) -> Cell:
    return Cell(text, text.lower())


def cell_columns(row: Any) -> list[Cell]:
    """The columns of `CELL_HEADINGS` for a summary row."""
    sizes = [_whole(value) for value in (row.hidden_size, row.length, row.batch, row.num_layers)]
    return [_name(row.series), _name(PHASE_LABELS.get(row.phase, row.phase)), *sizes]


CELL_HEADINGS = [("Model", False), ("Phase", False), ("n", True), ("T", True), ("B", True), ("Layers", True)]


def _series_ids(rows: Iterable[Any]) -> list[str]:
    return [f"{row.model}:{row.backend}" for row in rows]


def verdict_tables(section: Section) -> list[tuple[str, str, Table]]:
    """(match, its name, table) of every baseline and question, at each way of matching models."""
    return [(match, name, _verdict_table(section, match, name)) for match, name in MATCHES.items()]


def _verdict_table(section: Section, match: str, name: str) -> Table:
    rows = []
    for baseline in section.baselines:
        answers = [verdict(section, baseline, question, match) for question in QUESTIONS]
        rows.append([_name(baseline.label), *(_verdict_cell(answer) for answer in answers)])
    headings = [("Against", False), *((question.title, False) for question in QUESTIONS)]
    return Table(
        f"When the uRNN is ahead, at {name}",
        headings,
        rows,
        [f"{s.model}:{s.backend}" for s in section.baselines],
    )


def _verdict_cell(answer: Verdict | None) -> Cell:
    if answer is None or answer.found.span is None:
        return Cell(units.NOT_MEASURED, math.inf, tone="none")
    found = answer.found
    first, last = (f"n = {round(size)}" for size in (found.hidden.first, found.hidden.last))
    ends = f"{compact_gain(found.gain_last)} at {last}"
    if first != last:
        ends = f"{compact_gain(found.gain_first)} at {first}\n{ends}"
    between = interval(found)
    note = f"95 %: {between}\n{ends}" if between else ends
    return Cell(answer.short(), found.span.at, note, answer.tone)


def measurements(section: Section) -> Table:
    """One row a cell: time, interval, spread, peak memory, repetitions and what is wrong with it."""
    wide = _by_cell(section.cells)
    rows = []
    for row in wide.itertuples():
        time = (
            number(row.value, units.seconds)
            if row.outcome == "measured"
            else Cell(row.outcome, math.inf, row.message)
        )
        known = math.isfinite(row.low)
        between = Cell(
            f"{units.seconds(row.low)} to {units.seconds(row.high)}" if known else "",
            row.low if known else math.inf,
        )
        spread = number(row.spread, units.per_cent) if known else Cell("", math.inf)
        memory = number(row.peak, units.binary_bytes)
        times = Cell(
            f"{row.processes} {units.TIMES} {row.rounds // max(row.processes, 1)}" if known else "", row.rounds
        )
        flag = Cell("unstable", 1, row.unstable, "behind") if row.unstable else Cell("", 0)
        rows.append([*cell_columns(row), time, between, spread, memory, _whole(row.parameters), times, flag])
    headings = [
        *CELL_HEADINGS,
        ("Time per step", True),
        ("95 % interval", True),
        ("Spread", True),
        ("Peak memory", True),
        ("Parameters", True),
        (f"Processes {units.TIMES} rounds", True),
        ("Flag", True),
    ]
    return Table("Every measured cell", headings, rows, _series_ids(wide.itertuples()))


def _by_cell(cells: pd.DataFrame) -> pd.DataFrame:
    """Step-time rows with the cell's peak memory beside them."""
    times, memory = (cells[cells["metric"] == metric] for metric in (STEP_TIME, PEAK_ALLOCATED))
    return times.merge(memory[[*CELL, "value"]].rename(columns={"value": "peak"}), on=CELL, how="left")


def scaling(section: Section) -> Table:
    """Exponents in n and T of time and memory, training and inference, with the range they hold over."""
    headings, columns = [("Model", False)], []
    for phase, metric, size in product(
        ("train", "forward"), (STEP_TIME, PEAK_ALLOCATED), ("hidden_size", "length")
    ):
        found = [_exponent(section, series, phase, metric, size) for series in section.series]
        ranges = Counter((one.first, one.last) for one in found if one)
        usual = ranges.most_common(1)[0][0] if ranges else None
        what = f"{'Training' if phase == 'train' else 'Inference'} {'time' if metric == STEP_TIME else 'memory'}"
        over = f", {usual[0]} to {usual[1]}" if usual else ""
        headings.append((f"{what} in {'n' if size == 'hidden_size' else 'T'}{over}", True))
        columns.append([_exponent_cell(one, usual) for one in found])
    rows = [[_name(series.label), *cells] for series, *cells in zip(section.series, *columns, strict=True)]
    return Table("How cost grows: exponents", headings, rows, [f"{s.model}:{s.backend}" for s in section.series])


def _exponent(section: Section, series: Series, phase: str, metric: str, size: str) -> Exponent | None:
    at = section.focuses[phase]
    if at is None:
        return None
    here = section.cells[at.holds(section.cells) & (section.cells["metric"] == metric)]
    here = here[(here["model"] == series.model) & (here["backend"] == series.backend)]
    other, fixed = ("length", at.length) if size == "hidden_size" else ("hidden_size", at.hidden_size)
    return exponent(here[here[other] == fixed], size)


def _exponent_cell(found: Exponent | None, usual: tuple[int, int] | None) -> Cell:
    """The exponent with its interval, and with its range where that is not the usual one of the column."""
    if found is None:
        return Cell(units.NOT_MEASURED, math.inf, tone="none")
    value = found.estimate
    note = f"{value.low:.2f} to {value.high:.2f}"
    if (found.first, found.last) != usual:
        note += f"\nover {found.first} to {found.last}"
    return Cell(f"{value.value:.2f}", value.value, note)


def unstable(section: Section) -> Table:
    """Cells not to be trusted, with the reason."""
    rows = [
        [*cell_columns(row), _name(METRIC_LABELS[row.metric]), _name(row.unstable)]
        for row in findings.unstable(section.cells).itertuples()
    ]
    return Table("Unstable cells", [*CELL_HEADINGS, ("What", False), ("Why", False)], rows)


def without_value(section: Section) -> Table:
    """Cells that ran out of memory, failed or were killed, with the message."""
    rows = [
        [*cell_columns(row), _name(row.outcome), _name(row.message)]
        for row in findings.without_value(section.cells).itertuples()
    ]
    return Table("Cells without a value", [*CELL_HEADINGS, ("Outcome", False), ("Message", False)], rows)


def first_calls(section: Section) -> Table:
    """First call against the median call, at the focus of each phase."""
    found = findings.first_calls(section.cells)
    rows, ids = [], []
    for row in found.itertuples():
        at = section.focuses.get(row.phase)
        axes = ("batch", "length", "hidden_size", "num_layers")
        if at and all(getattr(row, axis) == getattr(at, axis) for axis in axes):
            ids.append(f"{row.model}:{row.backend}")
            times = [number(value, units.seconds) for value in (row.first, row.call)]
            rows.append([*cell_columns(row), *times, number(row.factor, units.ahead_or_behind)])
    headings = [*CELL_HEADINGS, ("First call", True), ("Median call", True), ("Factor", True)]
    return Table("The first call", headings, rows, ids)


def comparison(found: findings.Comparison, name: str, first: str, second: str) -> Table:
    """The same cells under two settings, side by side."""
    rows = []
    for row in found.rows.itertuples():
        text = units.seconds if row.metric == STEP_TIME else units.binary_bytes
        change = Cell(f"{units.TIMES}{row.ratio:.2f}", row.ratio, f"{row.ratio_low:.2f} to {row.ratio_high:.2f}")
        pair = [number(row.first, text), number(row.second, text)]
        rows.append([*cell_columns(row), _name(METRIC_LABELS[row.metric]), *pair, change])
    headings = [*CELL_HEADINGS, ("What", False), (first, True), (second, True), ("Ratio", True)]
    return Table(name, headings, rows, _series_ids(found.rows.itertuples()))
