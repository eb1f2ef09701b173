"""One row a cell and metric: the median, its interval, its spread, and whether it can be trusted.

The bootstrap replicates travel with the row and are seeded by the cell, so that the same files give the same
intervals on every machine and in any order.
"""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from analysis.schema import series_label
from analysis.statistics.bootstrap import Process, Quartiles, bounds, quartiles, replicates
from analysis.units import per_cent
from analysis.vocabulary import (
    LOWER_QUARTILE,
    MEASURED,
    MEDIAN,
    PEAK_ALLOCATED,
    SAMPLE,
    STEP_TIME,
    UPPER_QUARTILE,
    counted,
)

CELL = ["model", "backend", "phase", "task", "hidden_size", "length", "batch", "num_layers"]
DESCRIPTION = ["label", "family", "backend_label", "place", "state_size", "parameters"]
NUMBERS = ["value", "low", "high", "spread", "processes", "rounds", "unstable", "replicates"]
COLUMNS = [*CELL, *DESCRIPTION, "series", "metric", "outcome", "message", *NUMBERS]

# Conventions, well above the 1 to 5 % by which processes differ on shared machines.
MAX_ROUND_SPREAD = 0.10
MAX_PROCESS_SPREAD = 0.10
MAX_MEMORY_SPREAD = 0.01
MIN_ROUNDS = 3


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one setting -> one row a cell and metric, in seconds per time step, seconds per call or bytes.

    `spread` is the interquartile range of rounds over their median, the largest of any process; `processes`
    and `rounds` count what is behind the median; `unstable` is empty or says why not to trust it. A cell
    measured in one pass and failed in another counts as measured.
    """
    alone = rows.groupby("model")["backend"].nunique().eq(1)
    groups = rows.groupby([*CELL, "metric"], dropna=False, sort=True)
    first = groups[DESCRIPTION].first().astype(object)  # that is known
    known = first.where(first.notna(), None).to_dict("records")
    summaries = [
        _summarise_cell(dict(zip([*CELL, "metric"], key, strict=True)), part, described, bool(alone[key[0]]))
        for (key, part), described in zip(groups, known, strict=True)
    ]
    table = pd.DataFrame(summaries, columns=COLUMNS)
    whole = dict.fromkeys(("hidden_size", "length", "batch", "num_layers"), "int64")
    return table.astype(whole | {"state_size": "float64", "parameters": "float64", "place": "float64"})


def _summarise_cell(
    key: dict[str, Any], part: pd.DataFrame, described: dict[str, Any], alone: bool
) -> dict[str, Any]:
    described["label"] = described["label"] or key["model"]
    described["backend_label"] = described["backend_label"] or key["backend"]
    names = described["label"], described["backend_label"], described["family"] or ""
    described["series"] = series_label(*names, alone)
    measured = part[part["outcome"] == MEASURED]
    if measured.empty:
        last = part.iloc[-1]
        message = "" if pd.isna(last["message"]) else last["message"]
        nothing = (np.nan, np.nan, np.nan, np.nan, 0, 0, "", None)
        return key | described | {"outcome": last["outcome"], "message": message} | _numbers(*nothing)
    processes = _processes(measured)
    each = [quartiles(process) for process in processes]
    draws = replicates(processes, np.random.default_rng(crc32(repr(sorted(key.items())).encode())))
    low, high = bounds(draws)
    spread = max((one.upper - one.lower) / one.median if one.median else 0.0 for one in each)
    rounds = sum(one.rounds for one in each)
    medians = [one.median for one in each]
    reasons = [_why_unstable(key["metric"], medians, spread, rounds), *measured["message"].dropna().unique()]
    unstable = "; ".join(filter(None, reasons))
    found = _numbers(float(np.median(medians)), low, high, spread, len(processes), rounds, unstable, draws)
    return key | described | {"outcome": MEASURED, "message": ""} | found


def _numbers(*values: Any) -> dict[str, Any]:
    return dict(zip(NUMBERS, values, strict=True))


def _processes(measured: pd.DataFrame) -> list[Process]:
    """Rows of one cell and metric -> what each process gave; a process is one pass of one file."""
    found: dict[tuple[Any, Any], dict[str, list[float]]] = {}
    rounds: dict[tuple[Any, Any], int] = {}
    columns = (measured[name] for name in ("file", "pass", "statistic", "value", "round"))
    for file, number, statistic, value, round_number in zip(*columns, strict=True):
        key = (file, number)
        found.setdefault(key, {}).setdefault(statistic, []).append(value)
        rounds[key] = max(rounds.get(key, 1), 1 if pd.isna(round_number) else int(round_number))
    return [_process(found[key], rounds[key]) for key in sorted(found, key=str)]


def _process(values: dict[str, list[float]], rounds: int) -> Process:
    if SAMPLE in values:
        return np.asarray(values[SAMPLE], dtype=np.float64)
    names = (LOWER_QUARTILE, MEDIAN, UPPER_QUARTILE)
    return Quartiles(*(float(np.median(values.get(name, values[MEDIAN]))) for name in names), rounds)


def _why_unstable(metric: str, medians: Sequence[float], within: float, rounds: int) -> str:
    """Reasons not to trust a cell, or the empty string. First calls vary by nature and are not judged."""
    between = (max(medians) - min(medians)) / np.median(medians) if np.median(medians) else 0.0
    if metric == PEAK_ALLOCATED:
        return f"repetitions allocate up to {per_cent(between)} apart" if between > MAX_MEMORY_SPREAD else ""
    if metric != STEP_TIME:
        return ""
    reasons = (
        f"rounds of one process spread by {per_cent(within)}" if within > MAX_ROUND_SPREAD else "",
        f"processes differ by {per_cent(between)}" if between > MAX_PROCESS_SPREAD else "",
        f"only {counted(rounds, 'round')}" if rounds < MIN_ROUNDS else "",
    )
    return "; ".join(filter(None, reasons))
