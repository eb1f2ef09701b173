"""One side of a comparison, as the judge needs it: process medians, deterministic figures, and what went wrong.

Known weakness: asv does not say which process a sample came from, so a cell of its results counts as one process.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pandas as pd

from analysis.vocabulary import (
    AXES,
    MEASURED,
    MEDIAN,
    NOT_APPLICABLE,
    OPERATORS,
    PARAMETERS,
    PEAK_ALLOCATED,
    SAMPLE,
    SAVED_FOR_BACKWARD,
    STEP_TIME,
    Cell,
)

NUMBERS = (PEAK_ALLOCATED, SAVED_FOR_BACKWARD, OPERATORS)

Process = Hashable  # (file, pass), or the pass alone where the file is one


@dataclass(frozen=True)
class Side:
    """What was measured of one commit, by cell id.

    Attributes:
        times: seconds per time step, the median of each process.
        numbers: bytes or counts, by metric; the same at every call.
        messages: why a cell has no time.
        skipped: cells without a time that cannot be measured here, a device that is absent, say.
    """

    times: Mapping[str, Mapping[Process, float]]
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()


def side_of(frame: pd.DataFrame, *, by_pass: bool = False) -> Side:
    """Rows of one setting -> one side.

    `by_pass` names a process by its pass alone, so that it pairs with the other side's of that pass.
    """
    # A rung that nobody measured says so without a reason; a side has no such cell.
    frame = frame[frame["outcome"].ne(NOT_APPLICABLE) | frame["message"].notna()]
    named = frame.assign(cell=[Cell(**row).id for row in frame[list(AXES)].to_dict("records")])
    measured = named[named["outcome"] == MEASURED]
    times = _process_medians(measured, ["pass"] if by_pass else ["file", "pass"])
    failed = named[(named["outcome"] != MEASURED) & ~named["cell"].isin(list(times))]
    skipped = frozenset(failed.loc[failed["outcome"] == NOT_APPLICABLE, "cell"])
    return Side(times, _numbers(measured), {row.cell: _why(row) for row in failed.itertuples()}, skipped)


@cache
def of_variant(cell: str, variant: str) -> str:
    """The id of another variant's ("lstm:torch") cell at the same sizes; "" where `cell` is no id of ours."""
    try:
        return Cell.from_id(cell).of(variant).id
    except ValueError:
        return ""


def _process_medians(measured: pd.DataFrame, process: list[str]) -> dict[str, dict[Process, float]]:
    rows = measured[(measured["metric"] == STEP_TIME) & measured["statistic"].isin([SAMPLE, MEDIAN])]
    found: dict[str, dict[Process, float]] = {}
    for (cell, *key), part in rows.groupby(["cell", *process], sort=True):
        found.setdefault(cell, {})[key[0] if len(key) == 1 else tuple(key)] = float(part["value"].median())
    return found


def _numbers(measured: pd.DataFrame) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for (cell, metric), part in measured[measured["metric"].isin(NUMBERS)].groupby(["cell", "metric"]):
        found.setdefault(cell, {})[metric] = float(part["value"].median())
    for cell, count in measured.groupby("cell")[PARAMETERS].first().dropna().items():
        found.setdefault(cell, {})[PARAMETERS] = float(count)
    return found


def _why(row: Any) -> str:
    return str(row.outcome) if pd.isna(row.message) else f"{row.outcome}: {row.message}"
