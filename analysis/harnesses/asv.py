"""asv's results file, whoever's benchmarks they are: its `time_` and `timeraw_` benchmarks.

asv does not say which process a sample came from, so a file counts as one.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from analysis.documents import ANYTHING, TEXT, ListOf, MapOf, Record, check
from analysis.errors import AnalysisError
from analysis.harnesses.times import Times
from analysis.results.asv import FILE_VERSION, MOST_CELLS, TABLES
from analysis.results.values import from_milliseconds
from analysis.vocabulary import STEP_TIME, counted

TIMED = re.compile(r"(?:time|timeraw)_.+|(?:Time|Timeraw)[A-Z_].+")
FILE = Record(
    {"result_columns": ListOf(TEXT), "results": MapOf(ListOf(ANYTHING)), "commit_hash": TEXT},
    {"params": Record({}, {"machine": TEXT})},
)
VERSION = Record({}, {"version": TEXT})


def recognises(document: Any) -> bool:
    """Whether it looks like such a file, damaged or not."""
    return isinstance(document, dict) and "result_columns" in document and "results" in document


def times(document: Any, path: Path) -> Times:
    """Raises AnalysisError for a damaged file and for one of another version."""
    if (version := document.get("version")) != FILE_VERSION:
        raise AnalysisError(f"{path}: expected asv results of version {FILE_VERSION}, got {version!r}.")
    check(document, FILE, path)
    seconds: dict[str, tuple[float, ...]] = {}
    how: dict[str, str] = {}
    messages: dict[str, str] = {}
    skipped, begun, others = set(), [], 0
    for benchmark, columns in sorted(document["results"].items()):
        if not TIMED.fullmatch(benchmark.rpartition(".")[2]):
            others += 1
            continue
        table = dict(zip(document["result_columns"], columns, strict=False))
        check(table, VERSION, path, ("results", benchmark))
        table = {**table, "params": table.get("params") or []}
        table["result"] = [None] if table.get("result") is None and not table["params"] else table.get("result")
        check(table, TABLES[STEP_TIME], path, ("results", benchmark))
        begun.append(from_milliseconds(table.get("started_at")) or "")
        for name, value in zip(_names(benchmark, table["params"], path), _values(table), strict=False):
            if value is None:
                messages[name] = "asv recorded a failure; its log has the message"
            elif math.isnan(value):
                messages[name] = "asv skipped it"
                skipped.add(name)
            else:
                seconds[name], how[name] = (value,), f"version {(table.get('version') or '?')[:8]}"
    notes = [f"asv: {counted(others, 'benchmark')} of memory or other figures left out"] if others else []
    machine = (document.get("params") or {}).get("machine") or ""
    commit, first = document["commit_hash"], min(filter(None, begun), default="")
    return Times(seconds, how, messages, frozenset(skipped), machine, commit, first, tuple(notes))


def _names(benchmark: str, params: Sequence[Sequence[str]], path: Path) -> list[str]:
    """One for each combination of parameters, in asv's order."""
    if math.prod(map(len, params)) > MOST_CELLS:
        raise AnalysisError(f"{path}: {benchmark} has more than {MOST_CELLS} combinations of parameters.")
    if not params:
        return [benchmark]
    return [f"{benchmark}({', '.join(at)})" for at in itertools.product(*params)]


def _values(table: Mapping[str, Any]) -> Iterator[float | None]:
    """The median of each combination's samples, or of what asv sums them up by; asv drops nulls at the end."""
    results, samples = table.get("result") or [], table.get("samples") or []
    ends = itertools.repeat((None, None))
    for result, sampled in itertools.chain(itertools.zip_longest(results, samples), ends):
        known = [one for one in sampled or () if one is not None and not math.isnan(one)]
        yield median(known) if known and result is not None else result
