"""What a reader has to know before trusting a figure: unstable cells, cells without a value, allocator,
harnesses.

Known weakness: two harnesses agree only if they name the machine alike and record the same threads and
allocator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.comparability import Setting, same_commit, split
from analysis.schema import ordinary
from analysis.statistics import ratio, summarise
from analysis.statistics.summary import CELL
from analysis.vocabulary import FIRST_CALL_TIME, MEASURED, NOT_APPLICABLE, PEAK_ALLOCATED, STEP_TIME

LABELS = ["series", *CELL]


def unstable(cells: pd.DataFrame) -> pd.DataFrame:
    """Measured cells that should not be trusted, the widest spread first."""
    return cells[cells["unstable"] != ""].sort_values("spread", ascending=False, kind="stable")


def without_value(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells that were tried and gave no value, one row a cell, with outcome and message."""
    failed = cells[~cells["outcome"].isin([MEASURED, NOT_APPLICABLE])]
    return failed.drop_duplicates(CELL)


def not_measured(cells: pd.DataFrame) -> int:
    """How many cells of the grid spanned by the measured ones have neither a step time nor an outcome."""
    times = cells[cells["metric"] == STEP_TIME]
    missing = 0
    for _, part in times.groupby(["phase", "task"]):
        sizes = part[["hidden_size", "length", "batch", "num_layers"]].drop_duplicates()
        series = part[["model", "backend"]].drop_duplicates()
        missing += len(sizes) * len(series) - len(part)
    return missing


def first_calls(cells: pd.DataFrame) -> pd.DataFrame:
    """First call (s) beside the median call (s) of the same cell, with their ratio."""
    first, steps = (
        cells[(cells["metric"] == m) & (cells["outcome"] == MEASURED)] for m in (FIRST_CALL_TIME, STEP_TIME)
    )
    both = first.merge(steps[[*CELL, "value"]], on=CELL, suffixes=("", "_step"))
    call = both["value_step"] * both["length"]
    return both.assign(first=both["value"], call=call, factor=both["value"] / call)


@dataclass(frozen=True)
class Comparison:
    """The same cells under two settings: one row a cell with both values and their ratio (second over first)."""

    first: Setting
    second: Setting
    rows: pd.DataFrame

    def summary(self, metric: str = STEP_TIME) -> tuple[int, float, float, float] | None:
        """Number of cells, and median, least and largest ratio; None without a cell."""
        ratios = self.rows.loc[self.rows["metric"] == metric, "ratio"]
        if ratios.empty:
            return None
        return len(ratios), float(ratios.median()), float(ratios.min()), float(ratios.max())


def allocator_cost(frame: pd.DataFrame, setting: Setting) -> Comparison | None:
    """The kept against the default allocator, all else equal; None where not both were measured."""
    if setting.allocator != "kept":
        return None
    return _compare(frame, setting, lambda other: other == replace(setting, allocator="default"))


def agreement(frame: pd.DataFrame, setting: Setting) -> Comparison | None:
    """This harness against the other one on the same machine, commit, threads and allocator."""
    return _compare(frame, setting, lambda other: other.place == setting.place and same_commit(other, setting))


def _compare(frame: pd.DataFrame, setting: Setting, is_other: Callable[[Setting], bool]) -> Comparison | None:
    parts = split(frame)
    other = next((candidate for candidate in parts if is_other(candidate)), None)
    if other is None:
        return None
    first, second = _on_common_cells(ordinary(parts[setting]), ordinary(parts[other]))
    common = first.index.intersection(second.index)
    if common.empty:
        return None
    rows = []
    for cell in common:
        change = ratio(second.loc[cell], first.loc[cell])
        both = {"first": first.loc[cell, "value"], "second": second.loc[cell, "value"]}
        found = {"ratio": change.value, "ratio_low": change.low, "ratio_high": change.high}
        rows.append(
            dict(zip([*CELL, "metric"], cell, strict=True)) | {"series": first.loc[cell, "series"]} | both | found
        )
    return Comparison(setting, other, pd.DataFrame(rows))


def _on_common_cells(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summary rows of the cells and metrics that both parts measured, by cell and metric."""
    key = [*CELL, "metric"]
    keys = [pd.MultiIndex.from_frame(part[key]) for part in (one, other)]
    kept = [part[here.isin(there)] for part, here, there in zip((one, other), keys, keys[::-1], strict=True)]
    return _indexed(kept[0]), _indexed(kept[1])


def _indexed(rows: pd.DataFrame) -> pd.DataFrame:
    cells = summarise(rows)
    comparable = cells["metric"].isin([STEP_TIME, PEAK_ALLOCATED]) & (cells["value"] > 0)
    return cells[comparable].set_index([*CELL, "metric"]).sort_index()


def repetitions(cells: pd.DataFrame) -> tuple[int, int, int, int] | None:
    """Least and largest number of processes, and of rounds in all, behind a step time."""
    times = cells[(cells["metric"] == STEP_TIME) & (cells["outcome"] == MEASURED)]
    if times.empty:
        return None
    processes, rounds = times["processes"], times["rounds"]
    return int(np.min(processes)), int(np.max(processes)), int(np.min(rounds)), int(np.max(rounds))
