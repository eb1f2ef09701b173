"""An asv results file (version 2) -> rows of the tidy frame.

It is columnar, with trailing nulls dropped and parameters as the text of Python literals; null is a failure, NaN a
skipped cell. It does not say which process a sample came from, so its rounds count as one process; a sweep that
holds the same cell again counts as a second one.
"""

import itertools
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.documents import (
    ANYTHING,
    COUNT,
    FEW,
    LEAST_SECONDS,
    MOST_SECONDS,
    MOST_WHOLE,
    SIZE,
    TEXT,
    ListOf,
    MapOf,
    Maybe,
    MisfitError,
    Record,
    Shape,
    check,
    load,
    real,
)
from analysis.errors import AnalysisError, printable
from analysis.results.registry import Registry
from analysis.results.values import Row, from_milliseconds, of_metric, sampled, summed_up
from analysis.vocabulary import FAILED, NOT_APPLICABLE, PARAMETERS, PEAK_ALLOCATED, STEP_TIME

FILE_VERSION = 2
# What a sweep's parameters are, in its order; one with one layer in float32 names neither.
PARAM_NAMES = ("model", "phase", "device", "hidden_size", "length", "batch")
COUNT_PARAM_NAMES = ("model", "hidden_size")
DEFAULTS = {"num_layers": 1, "dtype": "float32"}
ORDERS = (PARAM_NAMES, (*PARAM_NAMES, "num_layers"), COUNT_PARAM_NAMES)
METHODS = {
    "time_call": STEP_TIME,
    "track_peak_allocated_bytes": PEAK_ALLOCATED,
    "track_parameters": PARAMETERS,  # no metric: it goes into a column of the others
}
HELD = ("result", "samples", "stats_repeat", "stats_q_25", "stats_q_75")  # columns with a value a cell

MOST_CELLS = 10**5
# A parameter's value as Python writes it: a text in quotes, or a whole number.
LITERAL = re.compile(r"'([^'\\]*)'|\"([^\"\\]*)\"|(\d{1,15})")

# Of what asv writes, the keys that are read here. NaN is a skipped cell, null a failed one.
DATE = real(0.0, 2.5e14)  # milliseconds since 1970, up to the year 9891
MACHINE = Record({}, dict.fromkeys(("machine", "cpu", "gpu", "os", "torch", "python"), TEXT))
OBJECT = MapOf(ANYTHING)
BENCHMARKS = MapOf(Record({}, {"param_names": ListOf(TEXT)}))
FILE = Record(
    {"result_columns": ListOf(TEXT), "results": MapOf(ListOf(ANYTHING)), "commit_hash": TEXT},
    {"params": MACHINE, "env_vars": MapOf(TEXT), "requirements": MapOf(TEXT), "python": TEXT, "date": DATE},
)
VALUES = {
    STEP_TIME: real(LEAST_SECONDS, MOST_SECONDS, nan=True),
    PEAK_ALLOCATED: real(0.0, 1e18, nan=True),
    PARAMETERS: real(0.0, MOST_WHOLE, nan=True),
}
TABLES = {  # the columns of a benchmark of each metric
    metric: Record(
        {"params": ListOf(ListOf(TEXT))},
        {
            **dict.fromkeys(("result", "stats_q_25", "stats_q_75"), ListOf(Maybe(value))),
            "samples": ListOf(Maybe(ListOf(Maybe(value)))),
            "stats_repeat": ListOf(Maybe(COUNT)),
            "started_at": DATE,
        },
    )
    for metric, value in VALUES.items()
}
SIZES = Record(
    {"model": TEXT, "hidden_size": SIZE, "num_layers": FEW},
    {"length": SIZE, "batch": SIZE, **dict.fromkeys(("phase", "device", "dtype"), TEXT)},
)

Table = Mapping[str, Any]


def rows(document: Mapping[str, Any], path: Path, registry: Registry) -> tuple[list[Row], list[str]]:
    """One parsed results file -> its rows, and remarks on damaged files beside it, which has the machine and the
    parameters' names.

    Raises AnalysisError where it is damaged, of another version, or holds nothing of ours.
    """
    version = document.get("version")
    if version != FILE_VERSION:
        raise AnalysisError(f"{path}: expected asv results of version {FILE_VERSION}, got {version!r}.")
    check(document, FILE, path)
    remarks: list[str] = []
    stated = _beside(path, "benchmarks.json", BENCHMARKS, remarks)
    names = {name: row["param_names"] for name, row in stated.items() if row.get("param_names")}
    tables: dict[str, Table] = {}
    for benchmark, columns in sorted(document["results"].items()):
        table = dict(zip(document["result_columns"], columns, strict=False))
        if (metric := METHODS.get(benchmark.rpartition(".")[2])) is not None:
            check(table, TABLES[metric], path, ("results", benchmark))
            tables[benchmark] = {**table, "metric": metric}
    try:
        result = list(_measurements(tables, names, _common(document, path, remarks), registry))
    except ValueError as error:
        raise AnalysisError(
            f"{path}: expected asv results of this suite, but could not read them ({error})."
        ) from error
    if not result:
        raise AnalysisError(
            f"{path}: expected benchmarks named step_time.* or memory.*, got asv results of others."
        )
    return result + registry.absent_rungs(result), remarks


def _beside(path: Path, name: str, shape: Shape, remarks: list[str]) -> Mapping[str, Any]:
    """The file of that name beside a results file or one folder above; one that is damaged is remarked on."""
    for folder in list(Path(os.path.realpath(path)).parents)[:2]:
        if os.path.lexists(folder / name):
            try:
                found = {key: value for key, value in load(folder / name, OBJECT).items() if key != "version"}
                check(found, shape, folder / name)
                return found
            except AnalysisError as error:
                remarks.append(f"{error} The results beside it are read without.")
    return {}  # A results file standing alone is read with what it says itself.


def _common(document: Mapping[str, Any], path: Path, remarks: list[str]) -> Row:
    machine = dict(_beside(path, "machine.json", MACHINE, remarks)) | dict(document.get("params") or {})
    variables = document.get("env_vars") or {}
    threads = variables.get("OMP_NUM_THREADS") or machine.get("env-OMP_NUM_THREADS")
    return {
        "source": "asv",
        "file": printable(path),
        "machine": machine.get("machine") or printable(Path(os.path.realpath(path)).parent.name),
        "cpu": machine.get("cpu") or None,
        "gpu": machine.get("gpu") or None,
        "cores": _integer(machine.get("num_cpu")),
        "memory_bytes": _integer(machine.get("ram")),
        "os": machine.get("os") or None,
        "commit": document["commit_hash"],
        "commit_time": from_milliseconds(document.get("date")),
        "python": _python_version(document.get("python") or machine.get("python")),
        "torch": (document.get("requirements") or {}).get("torch") or machine.get("torch") or None,
        "threads": _integer(threads) or None,
        "allocator": "kept" if "MALLOC_TRIM_THRESHOLD_" in variables else "unknown",
        "task": "copying",
    }


def _integer(text: Any) -> int | None:
    """The whole number that asv keeps as a text; None for anything else."""
    try:
        found = int(text) if isinstance(text, str | int) else -1
    except ValueError:
        return None
    return found if 0 <= found <= MOST_WHOLE else None


def _python_version(named: str | None) -> str | None:
    """The version; for an existing environment asv notes the interpreter's path instead, which tells none."""
    return None if named is None or "/" in named or "\\" in named else named


def _measurements(
    tables: Mapping[str, Table], names: Mapping[str, Sequence[str]], common: Row, registry: Registry
) -> Iterator[Row]:
    cells = {benchmark: list(_cells(benchmark, table, names)) for benchmark, table in tables.items()}
    counts = {
        _layer(cell): int(value)
        for benchmark, table in tables.items()
        if table["metric"] == PARAMETERS
        for cell, (value, *_) in zip(cells[benchmark], _held(table), strict=False)
        if not _nothing(value)
    }
    passes: Counter[tuple[Any, ...]] = Counter()
    for benchmark, table in tables.items():
        metric = table["metric"]
        if metric == PARAMETERS:
            continue
        started = from_milliseconds(table.get("started_at"))
        for cell, held in zip(cells[benchmark], _held(table), strict=False):
            key = (metric, *cell.values())
            passes[key] += 1
            model, hidden_size, num_layers = _layer(cell)
            backend = cell["model"].partition(":")[2] or "unknown"
            base = common | cell | registry.describe(model, backend, hidden_size, num_layers) | of_metric(metric)
            base |= {"model": model, "backend": backend, "pass": passes[key], "measured_at": started}
            base["parameters"] = counts.get((model, hidden_size, num_layers))
            for value in _values(held, cell["length"] if metric == STEP_TIME else 1):
                yield base | value


def _layer(cell: Row) -> tuple[str, int, int]:
    """What a parameter count belongs to: the model without its backend, hidden size and layers."""
    return cell["model"].partition(":")[0], cell["hidden_size"], cell["num_layers"]


def _held(table: Table) -> Iterator[tuple[Any, ...]]:
    """The values of `HELD` of each cell, without an end: asv drops nulls behind the last value."""
    columns = (table.get(name) or [] for name in HELD)
    return itertools.chain(itertools.zip_longest(*columns), itertools.repeat((None,) * len(HELD)))


def _cells(benchmark: str, table: Table, names: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    """The cells in asv's order."""
    params = [[_literal(benchmark, text) for text in texts] for texts in table["params"]]
    order = names.get(benchmark) or next((known for known in ORDERS if len(known) == len(params)), ())
    required = COUNT_PARAM_NAMES if table["metric"] == PARAMETERS else PARAM_NAMES
    if not set(required) <= set(order):
        raise ValueError(f"{benchmark} has other parameters than {', '.join(required)}")
    if len(order) != len(params):
        raise ValueError(f"{benchmark} has {len(params)} parameters under {len(order)} names")
    if (number := math.prod(map(len, params))) > MOST_CELLS:
        raise ValueError(f"{benchmark} has {number} cells, more than {MOST_CELLS}")
    for at in itertools.product(*params):
        values = DEFAULTS | dict(zip(order, at, strict=True))
        try:
            SIZES.check(values, (benchmark,))
        except MisfitError as error:
            raise ValueError(str(error)) from None
        yield {name: values[name] for name in (*required, *DEFAULTS)}


def _literal(benchmark: str, text: str) -> str | int:
    found = LITERAL.fullmatch(text)
    if found is None:
        raise ValueError(f"{benchmark} has a parameter that is neither a text in quotes nor a number, {text!r}")
    return int(found[3]) if found[3] else found[1] or found[2] or ""


def _values(held: Sequence[Any], share: int) -> list[Row]:
    """What asv holds of one cell, by `HELD`: samples, or the value with its quartiles, or why there is none."""
    value, samples, rounds, *quartiles = held
    if value is None:
        return [{"outcome": FAILED, "message": "asv recorded a failure; its log has the message."}]
    if math.isnan(value):
        return [{"outcome": NOT_APPLICABLE, "message": "asv skipped the cell."}]
    known = [one for one in samples or () if not _nothing(one)]
    if known or rounds is None:
        return sampled(known or [value], share)
    return summed_up(value, *(None if _nothing(one) else one for one in quartiles), rounds, share)


def _nothing(value: float | None) -> bool:
    return value is None or math.isnan(value)
