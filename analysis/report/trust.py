"""What a reader has to know before trusting a figure: repetitions, unstable cells, allocator, the two harnesses.

Two harnesses are compared only where they name the machine alike and record the same threads and allocator.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

import pandas as pd

from analysis import units
from analysis.comparability import same_commit, split
from analysis.pages import Bullets, Column, Details, EveryCell, Prose, Section, Table, folded, worst
from analysis.report import cell_tables
from analysis.report.figures import PROSE
from analysis.report.measured import Measured
from analysis.schema import ordinary
from analysis.statistics import ratio_between_settings, summarise
from analysis.statistics.summary import CELL
from analysis.vocabulary import ENERGY, MEASURED, METRICS, NOT_PLANNED, PEAK_ALLOCATED, STEP_TIME, counted, plural

KEY = [*CELL, "metric"]
COMPARED = {STEP_TIME: units.seconds, PEAK_ALLOCATED: units.binary_bytes}


def sections(frame: pd.DataFrame, measured: Measured, level: int, number: int) -> list[Section]:
    """What to know, the cells that are unstable or without a value, and every measurement.

    `number` is that of the setting in the page's explorer, which has its cells.
    """
    setting, parts = measured.setting, split(frame)
    default = parts.get(replace(setting, allocator="default")) if setting.allocator == "kept" else None
    other = next((one for one in parts if one.place == setting.place and same_commit(one, setting)), None)
    allocator, agreement = (_compare(measured.rows, rows) for rows in (default, parts.get(other)))
    source = other.source if other else ""
    unstable, without_value = cell_tables.unstable(measured), cell_tables.without_value(measured)
    missing = _not_measured(measured.cells)
    said = [
        _repetitions(measured.cells),
        _allocator_sentence(_summary(allocator, STEP_TIME)),
        _agreement_sentence(f"{source} over {setting.source}", agreement),
        f"{missing} cells of the measured grid: not measured." if missing else "Every planned cell was tried.",
        *([crossing(measured)] if len(measured.instances) > 1 else []),
        *(sentence for verdict in measured.verdicts for sentence in verdict.sentences),
        _energy(measured.cells),
        *_not_planned(measured.cells),
        *(f"{table.title}: {len(table.rows) or 'none'}." for table in (unstable, without_value)),
    ]
    found = [Section("What to know before trusting a figure", [Bullets(said)], level)]
    for table, words in ((unstable, [Prose(PROSE["explain"]["unstable"])]), (without_value, [])):
        if table.rows:
            found.append(Section(f"{table.title}: {len(table.rows)}", [*words, *worst(table)], level + 1))
    more = [
        _side_by_side("Kept against default allocator", allocator, "Kept", "Default"),
        _side_by_side("The two harnesses", agreement, setting.source, source),
        cell_tables.first_calls(measured),
    ]
    tables = [folded(table, page_only=True) for table in more if table.rows]
    count = int((measured.cells["metric"] == STEP_TIME).sum())
    all_cells = Details(f"Every measured cell ({count})", [EveryCell(number)], "train 512", page_only=True)
    return [*found, Section("Every measurement", [*tables, all_cells], level)]


def crossing(measured: Measured) -> str:
    """Of a setting with several machines of one kind."""
    return (
        f"This was measured on {len(measured.instances)} machines of this kind: all that is compared at one size "
        "is of one machine, and curves over a size cross them."
    )


def _not_measured(cells: pd.DataFrame) -> int:
    """How many cells of the grid spanned by the measured ones have neither a step time nor an outcome.

    A grid is that of one phase and task: a way that was planned for streams alone is not missed over sequences.
    """
    missing = 0
    for _, part in cells[cells["metric"] == STEP_TIME].groupby(["phase", "task"]):
        sizes = part[["hidden_size", "length", "batch", "num_layers"]].drop_duplicates()
        missing += len(sizes) * len(part[["model", "backend"]].drop_duplicates()) - len(part)
    return missing


def _energy(cells: pd.DataFrame) -> str:
    """How many cells have an energy; a machine without a counter has none."""
    known = int((cells["metric"].eq(ENERGY) & cells["outcome"].eq(MEASURED)).sum())
    if not known:
        return f"Energy: {units.NOT_MEASURED}; no counter of joules could be read."
    return f"Energy: measured of {counted(known, 'cell')}, once each, of the whole package or device."


def _not_planned(cells: pd.DataFrame) -> list[str]:
    """How many cells were left out on purpose, a sentence for each reason."""
    here = cells[(cells["outcome"] == NOT_PLANNED) & (cells["metric"] == STEP_TIME)]
    return [f"Not planned: {counted(len(part), 'cell')}. {why}" for why, part in here.groupby("message")]


def _repetitions(cells: pd.DataFrame) -> str:
    times = cells[(cells["metric"] == STEP_TIME) & (cells["outcome"] == MEASURED)]
    if times.empty:
        return f"Repetitions: {units.NOT_MEASURED}."

    def span(counts: pd.Series) -> str:
        low, high = int(counts.min()), int(counts.max())
        return str(low) if low == high else f"{low} to {high}"

    processes = plural("process", int(times["processes"].max()))
    return f"Each cell: {span(times['processes'])} {processes}, {span(times['rounds'])} rounds in all."


def _compare(rows: pd.DataFrame, others: pd.DataFrame | None) -> pd.DataFrame:
    """Rows of two settings -> the common cells of the first, with the other's value and its ratio to theirs."""
    both = [ordinary(rows), ordinary(rows.iloc[:0] if others is None else others)]
    keys = [pd.MultiIndex.from_frame(part[KEY]) for part in both]
    first, second = (  # of the common cells alone: a summary takes its time
        summarise(part[here.isin(there)]).query(f"metric in {[*COMPARED]} and value > 0").set_index(KEY)
        for part, here, there in zip(both, keys, keys[::-1], strict=True)
    )
    cells = first.index.intersection(second.index)
    ratios = [ratio_between_settings(second.loc[cell], first.loc[cell]) for cell in cells]
    return (
        first.loc[cells].assign(other=second["value"], ratio=pd.Series(ratios, cells, dtype=object)).reset_index()
    )


def _side_by_side(title: str, compared: pd.DataFrame, first: str, second: str) -> Table:
    columns = {
        Column("What"): lambda row: METRICS[row.metric].label,
        Column(first, str): lambda row: Column("", COMPARED[row.metric]).cell(row.value),
        Column(second, str): lambda row: Column("", COMPARED[row.metric]).cell(row.other),
        Column("Ratio", f"{units.TIMES}{{:.2f}}".format): lambda row: row.ratio,
    }
    return cell_tables.cell_table(title, compared, columns)


def _summary(compared: pd.DataFrame, metric: str) -> str:
    """The ratios of one metric in few words; empty without a cell."""
    ratios = compared.loc[compared["metric"] == metric, "ratio"].map(attrgetter("value"))
    if ratios.empty:
        return ""
    span = f"{ratios.min():.2f} to {ratios.max():.2f}"
    return f"{ratios.median():.2f} (median of {counted(len(ratios), 'cell')}, {span})"


def _allocator_sentence(summary: str) -> str:
    value, _, rest = summary.partition(" ")
    if not value:
        return "Cost of the default allocator: not measured."
    return f"With the default allocator a call takes {value} times as long {rest}."


def _agreement_sentence(which: str, compared: pd.DataFrame) -> str:
    said = {"times": _summary(compared, STEP_TIME), "peak memory": _summary(compared, PEAK_ALLOCATED)}
    parts = "; ".join(f"{name} {summary}" for name, summary in said.items() if summary)
    return f"{which} on the same cells: {parts}." if parts else "Agreement of the two harnesses: not measured."
