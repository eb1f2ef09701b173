"""Folders of training runs, or the tables of an earlier report -> frames of runs, evaluations and looks inside.

A damaged log is reported and left out, because one bad run must not hide a hundred good ones. A run that was
resumed may have evaluated an iteration twice, and the later line counts. Tables are kept where the logs, which are
many and large, are not; they have eight digits of every number.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.errors import EmptyDataError, ParserError

from analysis.documents import LARGEST, MOST_WHOLE, SHOWN, parse, read_bytes
from analysis.errors import AnalysisError, printable, shortened
from analysis.experiments import goals
from analysis.experiments.schema import (
    ADDED,
    END,
    EVALUATION,
    HEADER,
    LEAST,
    NULLABLE,
    OUTCOMES,
    PROFILE,
    TABLES,
    TEST,
    UNFINISHED,
    VALIDATION,
)
from analysis.schema import Column, tidy_frame
from analysis.vocabulary import TRAINING_FORMAT, TRAINING_LOG, counted

MOST_INT = 2**63 - 1
FIX = "run `python -m bench reproduce` or `python -m urnn.training` first"

Row = dict[str, Any]


@dataclass(frozen=True)
class Logs:
    """The three tidy frames, and what was wrong with the logs that are not in them, one sentence each."""

    runs: pd.DataFrame
    evaluations: pd.DataFrame
    anatomy: pd.DataFrame
    problems: tuple[str, ...] = ()


def read(folder: Path | str) -> Logs:
    """Every log below a folder, or the tables of an earlier report in it -> tidy frames, in the runs' order.

    Raises AnalysisError where there is no such folder, no log in it, or none that can be used.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise AnalysisError(f"{folder}: no such folder; expected training runs; {FIX}.")
    if os.path.lexists(folder / "runs.csv"):
        return Logs(**_tables(folder))
    paths = sorted(folder.rglob(TRAINING_LOG))
    if not paths:
        raise AnalysisError(f"{folder}: holds no training run (no {TRAINING_LOG}); {FIX}.")
    rows: dict[str, list[Row]] = {name: [] for name in TABLES}
    problems: list[str] = []
    for path in paths:
        try:
            found = _read_log(path)
        except AnalysisError as error:
            problems.append(str(error))
            continue
        run = printable(path.parent.relative_to(folder).as_posix())
        for name, of_run in zip(rows, found, strict=True):
            rows[name] += [{"run": run, **row} for row in of_run]
    if not rows["runs"]:
        raise AnalysisError(f"No usable run in {counted(len(paths), 'log')}: {problems[0]}")
    frames = {name: tidy_frame(rows[name], columns) for name, columns in TABLES.items()}
    return Logs(**frames, problems=tuple(problems))


def _read_log(path: Path) -> tuple[list[Row], list[Row], list[Row]]:
    """One log -> its rows of the three tables, without the name of the run."""
    header: Row | None = None
    goal: Sequence[goals.Bound] = ()
    end: Row = {}
    evaluations: dict[int, Row] = {}
    looks: dict[int, list[Row]] = {}
    for number, entry in _entries(path):
        place = f"{path}, line {number}"
        kind = entry.get("kind")
        if header is None:
            header = _header(entry, place)
            goal = goals.of(entry, place)
        elif kind == "evaluation":
            values = _values(entry, EVALUATION, place)
            if values["solved"] is None and goal:  # a log from before evaluations said so
                values["solved"] = goals.met(goal, values)
            evaluations[values["iteration"]] = values
            end = {}
        elif kind == "end":
            end = _end(entry, place)
        elif kind == "anatomy":
            at = _checked("iteration", entry.get("iteration"), "Int64", place)
            looks[at] = [{"iteration": at, **row} for row in _profile(entry, place)]
        else:
            raise AnalysisError(
                f"{place}: expected a line of kind evaluation, end or anatomy, got {_shown(kind)}."
            )
    if header is None:
        raise AnalysisError(f"{path}: expected a training log, but it holds no whole line.")
    in_order = [evaluations[iteration] for iteration in sorted(evaluations)]
    run = {**header, "goal": goals.words(goal), **_ending(end, in_order)}
    return [run], in_order, [row for iteration in sorted(looks) for row in looks[iteration]]


def _ending(end: Mapping[str, Any], evaluations: Sequence[Row]) -> Row:
    """How a run ended, when it solved its task, and its result: on test data where it came that far."""
    last = evaluations[-1] if evaluations else {}
    iterations, seconds = (end.get(key, last.get(key, 0)) for key in ("iteration", "seconds"))
    solved = next((row for row in evaluations if row["solved"]), {})
    result = {"loss": last.get("loss"), "score": last.get("score"), "scored_on": VALIDATION if last else None}
    if math.isfinite(end.get("test_loss", math.nan)):
        result = {"loss": end["test_loss"], "score": end["test_score"], "scored_on": TEST}
    return {
        "outcome": end.get("outcome", UNFINISHED),
        "message": end.get("message"),
        "iterations": iterations,
        "seconds": float(seconds),
        "iterations_per_second": iterations / seconds if iterations and seconds else None,
        **result,
        "solved_iteration": solved.get("iteration"),
        "solved_seconds": solved.get("seconds"),
    }


def _entries(path: Path) -> Iterator[tuple[int, Row]]:
    """Numbered lines as objects; a last line that a crash tore is left out, as it is when the run goes on."""
    lines = read_bytes(path).split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = parse(line, f"{path}, line {number}", of_a_line=True)
        except AnalysisError:
            if number == len(lines):
                return
            raise
        if not isinstance(entry, dict):
            raise AnalysisError(f"{path}, line {number}: expected one JSON object, got {_shown(entry)}.")
        yield number, entry


def _shown(value: Any) -> str:
    return shortened(repr(value), SHOWN)


def _header(entry: Row, place: str) -> Row:
    kind, version = entry.get("kind"), entry.get("format")
    if kind != "run":
        raise AnalysisError(f"{place}: expected the first line to be of kind 'run', got {_shown(kind)}.")
    if version != TRAINING_FORMAT:
        raise AnalysisError(f"{place}: expected a log of format {TRAINING_FORMAT}, got {_shown(version)}.")
    return _values(entry, HEADER, place)


def _end(entry: Row, place: str) -> Row:
    outcome = entry.get("outcome")
    if outcome not in OUTCOMES:
        expected = ", ".join(OUTCOMES)
        raise AnalysisError(f"{place}: expected outcome to be one of {expected}, got {_shown(outcome)}.")
    return _values(entry, END, place) | {"outcome": outcome}


def _profile(entry: Row, place: str) -> list[Row]:
    profile = {column.name: entry.get(column.name) for column in PROFILE}
    if not all(isinstance(values, list) for values in profile.values()):
        raise AnalysisError(f"{place}: expected {', '.join(profile)} to be lists.")
    lengths = {name: len(values) for name, values in profile.items()}
    if len(set(lengths.values())) != 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise AnalysisError(f"{place}: expected lists of one length, got {found}.")
    return [
        {
            column.name: math.nan if _is_nothing(value) else _checked(column.name, value, column.dtype, place)
            for column, value in zip(PROFILE, values, strict=True)
        }
        for values in zip(*profile.values(), strict=True)
    ]


def _values(entry: Row, columns: Sequence[Column], place: str) -> Row:
    """The entry's values of these columns; what a run may leave empty is NaN or None."""
    found: Row = {}
    for column in columns:
        value = entry.get(column.name)
        if column.name in NULLABLE and (value is None or _is_nothing(value)):
            found[column.name] = math.nan if column.dtype == "float64" else None
        else:
            found[column.name] = _checked(column.name, value, column.dtype, place)
    return found


def _is_nothing(value: Any) -> bool:
    """NaN and infinity: what a run that diverges may have to write."""
    return isinstance(value, float) and not math.isfinite(value)


_KINDS: dict[str, tuple[Any, str]] = {
    "Int64": (int, "a whole number"),
    "float64": ((int, float), "a number"),
    "string": (str, "a text"),
    "boolean": (bool, "true or false"),
}


def _checked(name: str, value: Any, dtype: str, place: str) -> Any:
    kind, words = _KINDS[dtype]
    got = "nothing" if value is None else _shown(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and dtype != "boolean"):
        raise AnalysisError(f"{place}: expected {name} to be {words}, got {got}.")
    if dtype in ("string", "boolean"):
        return value
    least = LEAST.get(name, -LARGEST if dtype == "float64" else -MOST_INT)
    most = LARGEST if dtype == "float64" else MOST_INT if name == "seed" else MOST_WHOLE
    if not least <= value <= most:
        raise AnalysisError(f"{place}: expected {name} to be from {least:g} to {most:g}, got {got}.")
    return value


def _tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The frames by their names, from an earlier report's tables. Raises AnalysisError, which names the file."""
    found = {name: _table(folder / f"{name}.csv", columns) for name, columns in TABLES.items()}
    runs = found["runs"]
    if runs.empty:
        raise AnalysisError(f"{folder / 'runs.csv'}: expected at least one run, got none.")
    if (again := runs["run"].duplicated()).any():
        raise AnalysisError(
            f"{folder / 'runs.csv'}: expected each run once, got {runs['run'][again].iloc[0]} again."
        )
    for name, table in found.items():
        if not (known := table["run"].isin(runs["run"])).all():
            unknown = table["run"][~known].iloc[0]
            raise AnalysisError(f"{folder / name}.csv: expected runs of runs.csv, got {unknown!r}.")
    if runs["goal"].isna().all():  # tables from before goals; `solved_iteration` says when each was met
        then = [goals.words(goals.before(run)) for run in runs.to_dict("records")]
        runs["goal"] = pd.array(then, dtype="string")
    return found


def _table(path: Path, columns: Sequence[Column]) -> pd.DataFrame:
    types = {column.name: column.dtype for column in columns}
    options = {"dtype": types, "keep_default_na": False, "na_values": [""], "encoding": "utf-8"}
    try:
        with np.errstate(invalid="raise"):  # a number too large for its column
            table = pd.read_csv(io.BytesIO(read_bytes(path)), **options)
    except (EmptyDataError, ParserError, ValueError, TypeError, ArithmeticError) as error:
        raise AnalysisError(f"{path}: expected a table as a report writes it ({error}).") from error
    missing = [name for name in types if name not in table and name not in ADDED]
    if missing:
        raise AnalysisError(f"{path}: expected a column {missing[0]!r}, got {', '.join(map(str, table.columns))}.")
    table = table.reindex(columns=list(types)).astype(types)
    for name, dtype in types.items():
        known = table[name].dropna()
        if len(known) < len(table) and name not in NULLABLE:
            raise AnalysisError(f"{path}: expected a {name} in every row, got none in one.")
        least = LEAST.get(name, -LARGEST)
        wrong = known[~known.between(least, LARGEST)] if dtype in ("Int64", "float64") else []
        if len(wrong):
            raise AnalysisError(f"{path}: expected {name} to be at least {least:g}, got {wrong.iloc[0]}.")
    return table
