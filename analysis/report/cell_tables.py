"""The tables of models: verdicts, exponents, every cell, and those not to be trusted."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product
from typing import Any

import pandas as pd

from analysis import units
from analysis.appearance import WIDER_LOOKS
from analysis.pages import Cell, Column, Details, Table
from analysis.report.measured import Measured
from analysis.report.verdicts import QUESTIONS, verdict
from analysis.statistics import Exponent, exponent
from analysis.statistics.curves import MATCHES
from analysis.statistics.summary import CELL
from analysis.vocabulary import (
    FIRST_CALL_TIME,
    MEASURED,
    METRICS,
    NOT_TRIED,
    PEAK_ALLOCATED,
    PHASES,
    STEP_TIME,
)

NO_VALUE = Cell("", math.inf)


def whole(value: float) -> str:
    """A count without decimals, with commas from ten thousand on."""
    return f"{int(value):,}" if value >= 10000 else str(int(value))


CELL_COLUMNS = {
    Column("Model"): lambda row: row.series,
    Column("Phase"): lambda row: PHASES.get(row.phase, row.phase),
    Column("n", whole): lambda row: row.hidden_size,
    Column("T", whole): lambda row: row.length,
    Column("B", whole): lambda row: row.batch,
    Column("Layers", whole): lambda row: row.num_layers,
}


def cell_table(title: str, rows: pd.DataFrame, columns: dict[Column, Any]) -> Table:
    """A table of cells; each further column has a function from a summary row to its value."""
    every, columns = list(rows.itertuples()), CELL_COLUMNS | columns
    values = [[value(row) for value in columns.values()] for row in every]
    return Table(title, list(columns), values, [f"{row.model}:{row.backend}" for row in every])


def verdicts(measured: Measured, wider: bool = False) -> list[Details]:
    """A table of rivals and questions for each way of matching models, the first open; `wider`: the wider field's.

    A rival with several ways has a row for its fastest, which may be another one in each cell, and one for each.
    """
    rivals = [rival for rival in measured.rivals if (rival.model in WIDER_LOOKS) == wider]
    columns = [Column("Against"), *(Column(question.title) for question in QUESTIONS)]
    baselines = [
        (one, f"{one.label}, fastest way" if one is rival and measured.ways_of(rival) else one.label)
        for rival in rivals
        for one in (rival, *measured.ways_of(rival))
        if measured.has_choice(rival) or one is not rival
    ]
    tables, of = [], " of the wider field" if wider else ""
    for match, name in MATCHES.items():
        rows = []
        for one, label in baselines:
            answers = [verdict(measured, one, question, match) for question in QUESTIONS]
            rows.append([label, *(answer and answer.cell() for answer in answers)])
        table = Table(f"When the uRNN is ahead{of}, at {name}", columns, rows, style="verdicts")
        tables.append(Details(f"At {name}{of}", [table], is_open=not tables))
    return tables


def time_cell(row: Any, tone: str = "") -> Any:
    """The value of a summary row of times, or the outcome in its place."""
    return row.value if row.outcome == MEASURED else Cell(row.outcome, math.inf, row.message, tone)


def scaling(measured: Measured) -> Table:
    """Exponents in n and T of time and memory, training and inference, with the range they hold over."""
    columns, values = [Column("Model")], []
    axes = {"hidden_size": "n", "length": "T"}
    for phase, metric, size in product(("train", "forward"), (STEP_TIME, PEAK_ALLOCATED), axes):
        found = [exponent(measured.over(size, series, phase, metric), size) for series in measured.series]
        ranges = Counter((one.first, one.last) for one in found if one)
        usual = ranges.most_common(1)[0][0] if ranges else None
        what = f"{'Training' if phase == 'train' else 'Inference'} {'time' if metric == STEP_TIME else 'memory'}"
        over = f", {usual[0]} to {usual[1]}" if usual else ""
        columns.append(Column(f"{what} in {axes[size]}{over}", "{:.2f}".format))
        values.append([_exponent_cell(one, usual) for one in found])
    rows = [[series.label, *row] for series, *row in zip(measured.series, *values, strict=True)]
    ids = [series.identity for series in measured.series]
    return Table("How cost grows: exponents", columns, rows, ids, "compact")


def _exponent_cell(found: Exponent | None, usual: tuple[int, int] | None) -> Cell | None:
    """The exponent with its interval, and with its range where that is not the usual one of the column."""
    if found is None:
        return None
    one = found.estimate
    lines = [f"{one.low:.2f} to {one.high:.2f}"]
    if (found.first, found.last) != usual:
        lines.append(f"over {found.first} to {found.last}")
    return Cell(f"{one.value:.2f}", one.value, "\n".join(lines))


def unstable(measured: Measured) -> Table:
    """Cells not to be trusted, the widest spread first, with the reason."""
    cells = measured.cells[measured.cells["unstable"] != ""].sort_values("spread", ascending=False, kind="stable")
    columns = {Column("What"): lambda row: METRICS[row.metric].label, Column("Why"): lambda row: row.unstable}
    return cell_table("Unstable cells", cells, columns)


def without_value(measured: Measured) -> Table:
    """Cells that ran out of memory, failed or were killed, with the message."""
    cells = measured.cells[~measured.cells["outcome"].isin([MEASURED, *NOT_TRIED])].drop_duplicates(CELL)
    columns = {Column("Outcome"): lambda row: row.outcome, Column("Message"): lambda row: row.message}
    return cell_table("Cells without a value", cells, columns)


def first_calls(measured: Measured) -> Table:
    """First call against the median call, at the point of each phase."""
    cells = measured.cells[measured.cells["outcome"] == MEASURED]
    first, steps = (cells[cells["metric"] == metric] for metric in (FIRST_CALL_TIME, STEP_TIME))
    both = first.merge(steps[[*CELL, "value"]], on=CELL, suffixes=("", "_step"))
    both = both.assign(call=both["value_step"] * both["length"])
    here = both["value"].isna()  # none yet
    for at in filter(None, measured.points.values()):
        here |= at.holds(both) & (both["length"] == at.length) & (both["hidden_size"] == at.hidden_size)
    columns = {
        Column("First call", units.seconds): lambda row: row.value,
        Column("Median call", units.seconds): lambda row: row.call,
        Column("Factor", units.ahead_or_behind): lambda row: row.value / row.call,
    }
    return cell_table("The first call", both[here], columns)
