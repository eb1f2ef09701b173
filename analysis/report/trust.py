"""What a reader has to know before trusting a figure: repetitions, unstable cells, allocator, the two harnesses.

Two harnesses are compared only where they name the machine alike and record the same threads and allocator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from analysis import units
from analysis.comparability import Setting, same_commit, split
from analysis.pages import Bullets, Column, Details, Prose, Section, Table, folded, worst
from analysis.report import cell_tables
from analysis.report.figures import PROSE
from analysis.report.measured import Measured
from analysis.schema import ordinary
from analysis.statistics import ratio, summarise
from analysis.statistics.summary import CELL
from analysis.vocabulary import MEASURED, METRICS, PEAK_ALLOCATED, STEP_TIME, counted, plural

KEY = [*CELL, "metric"]
COMPARED = {STEP_TIME: units.seconds, PEAK_ALLOCATED: units.binary_bytes}


def sections(frame: pd.DataFrame, measured: Measured, level: int) -> list[Section]:
    """What to know, the cells that are unstable or without a value, and every measurement."""
    setting = measured.setting
    default = replace(setting, allocator="default")  # against which the kept allocator is compared
    allocator = _compare(frame, setting, default.__eq__) if setting.allocator == "kept" else None
    agreement = _compare(frame, setting, lambda one: one.place == setting.place and same_commit(one, setting))
    unstable, without_value = cell_tables.unstable(measured), cell_tables.without_value(measured)
    missing = _not_measured(measured.cells)
    said = [
        _repetitions(measured.cells),
        _allocator_sentence(allocator),
        _agreement_sentence(agreement),
        f"{missing} cells of the measured grid: not measured." if missing else "Every cell of the grid was tried.",
        *(f"{table.title}: {len(table.rows) or 'none'}." for table in (unstable, without_value)),
    ]
    found = [Section("What to know before trusting a figure", [Bullets(said)], level)]
    advice = Prose(PROSE["explain"]["unstable"])
    for table, words in ((unstable, [advice]), (without_value, [])):
        if table.rows:
            found.append(Section(f"{table.title}: {len(table.rows)}", [*words, *worst(table)], level + 1))
    more = [
        allocator and allocator.table("Kept against default allocator", "Kept", "Default"),
        agreement and agreement.table("The two harnesses", agreement.first.source, agreement.second.source),
        cell_tables.first_calls(measured),
    ]
    tables: list[Details] = [folded(table, page_only=True) for table in more if table and table.rows]
    all_cells = folded(cell_tables.measurements(measured), "train 512", page_only=True)
    return [*found, Section("Every measurement", [*tables, all_cells], level)]


def _not_measured(cells: pd.DataFrame) -> int:
    """How many cells of the grid spanned by the measured ones have neither a step time nor an outcome."""
    missing = 0
    for _, part in cells[cells["metric"] == STEP_TIME].groupby(["phase", "task"]):
        sizes = part[["hidden_size", "length", "batch", "num_layers"]].drop_duplicates()
        missing += len(sizes) * len(part[["model", "backend"]].drop_duplicates()) - len(part)
    return missing


def _repetitions(cells: pd.DataFrame) -> str:
    times = cells[(cells["metric"] == STEP_TIME) & (cells["outcome"] == MEASURED)]
    if times.empty:
        return f"Repetitions: {units.NOT_MEASURED}."

    def span(counts: pd.Series) -> str:
        low, high = int(counts.min()), int(counts.max())
        return str(low) if low == high else f"{low} to {high}"

    processes = plural("process", int(times["processes"].max()))
    return f"Each cell: {span(times['processes'])} {processes}, {span(times['rounds'])} rounds in all."


@dataclass(frozen=True)
class Comparison:
    """The same cells under two settings: one row a cell with both values and their ratio (second over first)."""

    first: Setting
    second: Setting
    rows: pd.DataFrame

    def summary(self, metric: str) -> str:
        """The ratios of one metric in few words; empty without a cell."""
        ratios = pd.Series([row.ratio.value for row in self.rows.itertuples() if row.metric == metric])
        if ratios.empty:
            return ""
        span = f"{ratios.min():.2f} to {ratios.max():.2f}"
        return f"{ratios.median():.2f} (median of {counted(len(ratios), 'cell')}, {span})"

    def table(self, title: str, first: str, second: str) -> Table:
        """The cells with both values side by side."""
        columns = {
            Column("What"): lambda row: METRICS[row.metric].label,
            Column(first, str): lambda row: Column("", COMPARED[row.metric]).cell(row.first),
            Column(second, str): lambda row: Column("", COMPARED[row.metric]).cell(row.second),
            Column("Ratio", f"{units.TIMES}{{:.2f}}".format): lambda row: row.ratio,
        }
        return cell_tables.cell_table(title, self.rows, columns)


def _compare(frame: pd.DataFrame, setting: Setting, is_other: Callable[[Setting], bool]) -> Comparison | None:
    """The setting against the first other one that is asked for; None where they share no cell."""
    parts = split(frame)
    other = next(filter(is_other, parts), None)
    if other is None:
        return None
    both = [ordinary(parts[one]) for one in (setting, other)]
    keys = [pd.MultiIndex.from_frame(part[KEY]) for part in both]
    first, second = (  # of the common cells alone: a summary takes its time
        summarise(part[here.isin(there)])
        .query(f"metric in {[*COMPARED]} and value > 0")
        .set_index(KEY)
        .sort_index()
        for part, here, there in zip(both, keys, keys[::-1], strict=True)
    )
    cells = first.index.intersection(second.index)
    values = {name: list(part.loc[cells, "value"]) for name, part in (("first", first), ("second", second))}
    ratios = [ratio(second.loc[cell], first.loc[cell]) for cell in cells]
    rows = first.loc[cells].reset_index().assign(**values, ratio=ratios)
    return Comparison(setting, other, rows) if len(rows) else None


def _allocator_sentence(found: Comparison | None) -> str:
    value, _, rest = found.summary(STEP_TIME).partition(" ") if found else ("", "", "")
    if not value:
        return "Cost of the default allocator: not measured."
    return f"With the default allocator a call takes {value} times as long {rest}."


def _agreement_sentence(found: Comparison | None) -> str:
    if found is None:
        return "Agreement of the two harnesses: not measured."
    said = {"times": found.summary(STEP_TIME), "peak memory": found.summary(PEAK_ALLOCATED)}
    parts = "; ".join(f"{name} {summary}" for name, summary in said.items() if summary)
    return f"{found.second.source} over {found.first.source} on the same cells: {parts}."
