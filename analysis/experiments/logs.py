"""Folders of training runs, or the tables of an earlier report -> frames of what they found, one a table.

A damaged log is reported and left out, because one bad run must not hide a hundred good ones. A run that was
resumed may have evaluated an iteration twice, and the later line counts. Tables are kept where the logs, which are
many and large, are not; they have eight digits of every number.
"""

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

from analysis.documents import (
    ANYTHING,
    COUNT,
    Columns,
    ListOf,
    Maybe,
    Record,
    check,
    dtypes,
    one_of,
    parse,
    read_bytes,
)
from analysis.errors import AnalysisError, printable
from analysis.experiments import goals
from analysis.experiments.schema import (
    ADDED_COLUMNS,
    ADDED_TABLES,
    BEFORE,
    END,
    EVALUATION,
    HEADER,
    LENGTH,
    PROBE,
    PROFILE,
    TABLES,
    TEST,
    TUNING,
    UNFINISHED,
    VALIDATION,
)
from analysis.schema import tidy_frame
from analysis.vocabulary import TRAINING_FORMAT, TRAINING_LOG, counted
from analysis.vocabulary import TUNING as TUNING_FILE

FIX = "run `python -m bench reproduce` or `python -m urnn.training` first"
LISTS: Mapping[str, Columns] = {"longer_tests": LENGTH, "probes": PROBE}  # of a log's last line
RUN_LINE, LINES = one_of("run"), one_of("evaluation", "end", "anatomy")

Row = dict[str, Any]


@dataclass(frozen=True)
class Logs:
    """The tidy frames, and what was wrong with the logs that are not in them, one sentence each."""

    runs: pd.DataFrame
    evaluations: pd.DataFrame
    anatomy: pd.DataFrame
    lengths: pd.DataFrame
    probes: pd.DataFrame
    tuning: pd.DataFrame
    problems: tuple[str, ...] = ()


def read(folder: Path | str) -> Logs:
    """Every log below a folder, or the tables of an earlier report in it -> tidy frames, in the runs' order.

    Raises AnalysisError where there is no such folder, no log in it, or none that can be used.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise AnalysisError(f"{folder}: no such folder; expected training runs; {FIX}.")
    if os.path.lexists(folder / "runs.csv"):
        return Logs(**_tables(folder), tuning=_tuning(folder))
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
    frames = {name: tidy_frame(rows[name], dtypes(columns)) for name, columns in TABLES.items()}
    return Logs(**frames, tuning=_tuning(folder), problems=tuple(problems))


def _tuning(folder: Path) -> pd.DataFrame:
    """What the runs' settings were chosen from; empty where nothing was tuned, or nobody wrote it down."""
    path = folder / TUNING_FILE
    return _table(path, TUNING) if os.path.lexists(path) else tidy_frame([], dtypes(TUNING))


def _read_log(path: Path) -> tuple[list[Row], ...]:
    """One log -> its rows of each of `TABLES`, without the name of the run."""
    header: Row | None = None
    goal: Sequence[goals.Bound] = ()
    goal_ends: bool | None = None
    end: Row = {}
    evaluations: dict[int, Row] = {}
    looks: dict[int, list[Row]] = {}
    for place, entry in _entries(path):
        kind = _checked(entry, {"kind": RUN_LINE if header is None else LINES}, place)["kind"]
        if header is None:
            _checked(entry, {"format": one_of(TRAINING_FORMAT)}, place)
            header = _checked(entry, HEADER, place)
            goal, goal_ends = goals.of(entry, place), goals.ends_training(entry)
        elif kind == "evaluation":
            values = _checked(entry, EVALUATION, place)
            if values["solved"] is None and goal:  # a log from before evaluations said so
                values["solved"] = goals.met(goal, {name: _number(values[name]) for name in ("loss", "score")})
            evaluations[values["iteration"]] = values
            end = {}
        elif kind == "end":
            end = _checked(entry, END, place)
            end |= {name: _listed(entry, name, columns, place) for name, columns in LISTS.items()}
        else:
            at = _checked(entry, {"iteration": COUNT}, place)
            looks[at["iteration"]] = [at | row for row in _profile(entry, place)]
    if header is None:
        raise AnalysisError(f"{path}: expected a training log, but it holds no whole line.")
    in_order = [evaluations[iteration] for iteration in sorted(evaluations)]
    run = {**header, "goal": goals.words(goal), "goal_ends": goal_ends, **_ending(end, in_order)}
    run |= {name: run[name] or then for name, then in BEFORE.items()}
    inside = [row for iteration in sorted(looks) for row in looks[iteration]]
    return [run], in_order, inside, _lengths(run, end), end.get("probes", [])


def _listed(entry: Row, name: str, columns: Columns, place: str) -> list[Row]:
    """The rows of a list in a log's last line; logs from before there were any have none."""
    found = entry.get(name, [])
    check({name: found}, Record({name: ListOf(ANYTHING)}), place)
    return [_checked(row, columns, place) for row in found]


def _lengths(run: Row, end: Row) -> list[Row]:
    """A row a length that the run was tested at, where those are several."""
    longer = end.get("longer_tests", [])
    return [{name: run[name] for name in LENGTH}, *longer] if longer else []


def _ending(end: Mapping[str, Any], evaluations: Sequence[Row]) -> Row:
    """How a run ended, when it solved its task, and its result: on test data where it came that far."""
    last = evaluations[-1] if evaluations else {}
    iterations, seconds = (end.get(key, last.get(key, 0)) for key in ("iteration", "seconds"))
    solved = next((row for row in evaluations if row["solved"]), {})
    result = {"loss": last.get("loss"), "score": last.get("score"), "scored_on": VALIDATION if last else None}
    if end.get("test_loss") is not None:
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


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    """Lines with their places; a last line that a crash tore is left out, as it is when the run goes on."""
    lines = read_bytes(path).split(b"\n")
    for number, line in enumerate(lines, start=1):
        place = f"{path}, line {number}"
        if line.strip():
            try:
                entry = parse(line, place, of_a_line=True)
            except AnalysisError:
                if number == len(lines):
                    return
                raise
            yield place, entry


def _checked(entry: Any, columns: Columns, place: str) -> Row:
    """The entry's values of these columns; where NaN or infinity may stand, as a diverged run writes it, None."""
    optional = {name: shape for name, shape in columns.items() if isinstance(shape, Maybe)}
    if isinstance(entry, dict):
        floats = (name for name in optional if isinstance(entry.get(name), float))
        entry = entry | {name: None for name in floats if not math.isfinite(entry[name])}
    check(entry, Record({name: columns[name] for name in columns if name not in optional}, optional), place)
    return {name: entry.get(name) for name in columns}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _profile(entry: Row, place: str) -> list[Row]:
    """A row a time step."""
    profile = {name: entry.get(name) for name in PROFILE}
    check(profile, Record(dict.fromkeys(PROFILE, ListOf(ANYTHING))), place)
    lengths = {name: len(values) for name, values in profile.items()}
    if len(set(lengths.values())) != 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise AnalysisError(f"{place}: expected lists of one length, got {found}.")
    rows = ({name: values[at] for name, values in profile.items()} for at in range(lengths["t"]))
    return [_checked(row, PROFILE, place) for row in rows]


def _tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The frames by their names, from an earlier report's tables. Raises AnalysisError, which names the file."""
    missing = {name for name in ADDED_TABLES if not os.path.lexists(folder / f"{name}.csv")}
    found = {
        name: tidy_frame([], dtypes(columns)) if name in missing else _table(folder / f"{name}.csv", columns)
        for name, columns in TABLES.items()
    }
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
    if runs["goal_ends"].isna().all():
        runs["goal_ends"] = pd.array([goals.ended_before(task) for task in runs["task"]], dtype="boolean")
    for name, then in BEFORE.items():
        runs[name] = runs[name].fillna(then)
    return found


def _table(path: Path, columns: Columns) -> pd.DataFrame:
    types = dtypes(columns)
    options = {"dtype": types, "keep_default_na": False, "na_values": [""], "encoding": "utf-8"}
    try:
        with np.errstate(invalid="raise"):  # a number too large for its column
            table = pd.read_csv(io.BytesIO(read_bytes(path)), **options)
    except (EmptyDataError, ParserError, ValueError, TypeError, ArithmeticError) as error:
        raise AnalysisError(f"{path}: expected a table as a report writes it ({error}).") from error
    missing = [name for name in types if name not in table and name not in ADDED_COLUMNS]
    if missing:
        raise AnalysisError(f"{path}: expected a column {missing[0]!r}, got {', '.join(map(str, table.columns))}.")
    table = table.reindex(columns=list(types)).astype(types)
    values = table.astype(object).where(table.notna(), None).to_dict("list")
    check(values, Record({name: ListOf(shape) for name, shape in columns.items()}), path)
    return table
