"""google/benchmark's JSON (`--benchmark_out`), of C++ or of its Python package.

A file is one process: repetitions share it, so their median is one value. The time is the real one, which is the
manual one where a benchmark times itself.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from analysis.documents import FLAG, TEXT, ListOf, MisfitError, Record, check, one_of, real
from analysis.documents import SECONDS as LENGTH
from analysis.harnesses.times import Times

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
TIMED = Record({"real_time": real(), "time_unit": one_of(*UNITS)})
ENTRY = Record(
    {"name": TEXT},
    {
        **dict.fromkeys(("run_name", "run_type", "aggregate_name", "error_message", "skip_message"), TEXT),
        **dict.fromkeys(("error_occurred", "skipped"), FLAG),
    },
)
FILE = Record({"context": Record({}, dict.fromkeys(("host_name", "date"), TEXT)), "benchmarks": ListOf(ENTRY)})
ITERATION, AGGREGATE = "iteration", "aggregate"
AGGREGATES = ("median", "mean")  # the first of them stands for repetitions that were not kept


def recognises(document: Any) -> bool:
    """Whether it looks like such a file, damaged or not."""
    return isinstance(document, dict) and "benchmarks" in document and "context" in document


def times(document: Any, path: Path) -> Times:
    """Raises AnalysisError for a damaged file."""
    check(document, FILE, path)
    rows: defaultdict[str, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
    for number, row in enumerate(document["benchmarks"]):
        rows[row.get("run_name") or row["name"]].append((number, row))
    seconds: dict[str, tuple[float, ...]] = {}
    how: dict[str, str] = {}
    messages: dict[str, str] = {}
    for name, group in rows.items():
        failed = [row for _, row in group if row.get("error_occurred") or row.get("skipped")]
        statistic, kept = _kept(group)
        if failed:
            messages[name] = failed[0].get("error_message") or failed[0].get("skip_message") or "it failed"
        elif kept:
            seconds[name] = (median(_seconds(row, ("benchmarks", number)) for number, row in kept),)
            how[name] = statistic
        else:
            messages[name] = "neither repetitions nor their median or mean"
    context = document["context"]
    skipped = frozenset(name for name, group in rows.items() if any(row.get("skipped") for _, row in group))
    return Times(
        seconds,
        how,
        messages,
        skipped,
        machine=context.get("host_name") or "",
        begun=context.get("date") or "",
    )


def _kept(group: Sequence[tuple[int, Mapping[str, Any]]]) -> tuple[str, list[tuple[int, Mapping[str, Any]]]]:
    """The rows that a benchmark's time is taken from, and what their median is of its repetitions."""
    repeated = [(number, row) for number, row in group if (row.get("run_type") or ITERATION) == ITERATION]
    if repeated:
        return "median", repeated
    for statistic in AGGREGATES:
        if found := [(number, row) for number, row in group if row.get("aggregate_name") == statistic]:
            return statistic, found
    return "", []


def _seconds(row: Mapping[str, Any], place: tuple[str | int, ...]) -> float:
    TIMED.check(row, place)
    found = row["real_time"] * UNITS[row["time_unit"]]
    try:
        LENGTH.check(found, place)
    except MisfitError:
        raise MisfitError((*place, "real_time"), "a time above zero", row["real_time"]) from None
    return found
