"""Folders of training runs -> tidy frames of runs, evaluations and looks inside the state.

Why: everything after this point asks frames and never a file. A damaged log in a folder is reported and left out,
because one bad run must not hide a hundred good ones; where nothing is left it is an error. A run that was resumed
may have evaluated an iteration twice, and the later line counts.

All logs are held in memory at once.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.documents import LARGEST, MOST_WHOLE, SHOWN, parse, read_bytes
from analysis.errors import AnalysisError, printable, shortened
from analysis.experiments import goals, tidy
from analysis.experiments.goals import Goal
from analysis.experiments.schema import (
    ANATOMY,
    END,
    EVALUATION,
    EVALUATIONS,
    HEADER,
    LEAST,
    NULLABLE,
    OUTCOMES,
    PROFILE,
    RUNS,
    TEST,
    UNBOUNDED,
    UNFINISHED,
    VALIDATION,
)
from analysis.schema import Column, tidy_frame
from analysis.vocabulary import TRAINING_FORMAT, TRAINING_LOG, counted

MOST_INT = 2**63 - 1
FIX = "run `python -m bench reproduce` or `python -m urnn.training` first"


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
    if os.path.lexists(folder / tidy.RUNS_FILE):
        return Logs(*tidy.read(folder))
    paths = sorted(folder.rglob(TRAINING_LOG))
    if not paths:
        raise AnalysisError(f"{folder}: holds no training run (no {TRAINING_LOG}); {FIX}.")
    logs: list[_Log] = []
    problems: list[str] = []
    for path in paths:
        try:
            logs.append(_read_log(path, printable(path.parent.relative_to(folder).as_posix())))
        except AnalysisError as error:
            problems.append(str(error))
    if not logs:
        raise AnalysisError(f"No usable run in {counted(len(paths), 'log')}: {problems[0]}")
    return Logs(
        tidy_frame([log.row() for log in logs], RUNS),
        tidy_frame([row for log in logs for row in log.evaluation_rows()], EVALUATIONS),
        tidy_frame([row for log in logs for row in log.anatomy_rows()], ANATOMY),
        tuple(problems),
    )


@dataclass
class _Log:
    """One log, line by line."""

    run: str
    header: dict[str, Any]
    goal: Goal | None
    evaluations: dict[int, dict[str, Any]] = field(default_factory=dict)
    anatomies: dict[int, dict[str, list[Any]]] = field(default_factory=dict)
    end: dict[str, Any] | None = None

    def evaluation_rows(self) -> list[dict[str, Any]]:
        return [{"run": self.run, **self.evaluations[iteration]} for iteration in sorted(self.evaluations)]

    def anatomy_rows(self) -> Iterator[dict[str, Any]]:
        for iteration in sorted(self.anatomies):
            profile = self.anatomies[iteration]
            for values in zip(*profile.values(), strict=True):
                yield {"run": self.run, "iteration": iteration, **dict(zip(profile, values, strict=True))}

    def row(self) -> dict[str, Any]:
        """The run in one row: what it was, how it ended, and when it solved its task."""
        end, rows = self.end or {}, self.evaluation_rows()
        last = rows[-1] if rows else {}
        iterations, seconds = (end.get(key, last.get(key, 0)) for key in ("iteration", "seconds"))
        solved = next((row for row in rows if row["solved"]), {})
        return {
            "run": self.run,
            **self.header,
            "goal": self.goal and self.goal.words,
            "outcome": end.get("outcome", UNFINISHED),
            "message": end.get("message"),
            "iterations": iterations,
            "seconds": float(seconds),
            "iterations_per_second": iterations / seconds if iterations and seconds else None,
            **_result(end, last),
            "solved_iteration": solved.get("iteration"),
            "solved_seconds": solved.get("seconds"),
        }


def _result(end: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, Any]:
    """Loss and score on test data where the run came that far, else the last ones on validation data."""
    if math.isfinite(end.get("test_loss", math.nan)):
        return {"loss": end["test_loss"], "score": end["test_score"], "scored_on": TEST}
    if last:
        return {"loss": last["loss"], "score": last["score"], "scored_on": VALIDATION}
    return {}


def _read_log(path: Path, run: str) -> _Log:
    log: _Log | None = None
    for number, entry in _entries(path):
        place = f"{path}, line {number}"
        kind = entry.get("kind")
        if log is None:
            if kind != "run":
                raise AnalysisError(f"{place}: expected the first line to be of kind 'run', got {_shown(kind)}.")
            header = _header(entry, place)
            log = _Log(run, header, goals.recorded(entry, place) or goals.before(header))
        elif kind == "evaluation":
            values = _values(entry, EVALUATION, place)
            if values["solved"] is None and log.goal:  # a log from before evaluations said so
                values["solved"] = log.goal.met(values)
            log.evaluations[values["iteration"]] = values
            log.end = None
        elif kind == "end":
            log.end = _end(entry, place)
        elif kind == "anatomy":
            log.anatomies[_value(entry, "iteration", "Int64", place)] = _profile(entry, place)
        else:
            raise AnalysisError(
                f"{place}: expected a line of kind evaluation, end or anatomy, got {_shown(kind)}."
            )
    if log is None:
        raise AnalysisError(f"{path}: expected a training log, but it holds no whole line.")
    return log


def _entries(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
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


def _header(entry: Mapping[str, Any], place: str) -> dict[str, Any]:
    if entry.get("format") != TRAINING_FORMAT:
        raise AnalysisError(
            f"{place}: expected a log of format {TRAINING_FORMAT}, got {_shown(entry.get('format'))}."
        )
    return _values(entry, HEADER, place)


def _end(entry: Mapping[str, Any], place: str) -> dict[str, Any]:
    if entry.get("outcome") not in OUTCOMES:
        expected = ", ".join(OUTCOMES)
        got = _shown(entry.get("outcome"))
        raise AnalysisError(f"{place}: expected outcome to be one of {expected}, got {got}.")
    return _values(entry, END, place) | {"outcome": entry["outcome"]}


def _profile(entry: Mapping[str, Any], place: str) -> dict[str, list[Any]]:
    profile: dict[str, Any] = {column.name: entry.get(column.name) for column in PROFILE}
    if not all(isinstance(values, list) for values in profile.values()):
        raise AnalysisError(f"{place}: expected {', '.join(profile)} to be lists.")
    lengths = {name: len(values) for name, values in profile.items()}
    if len(set(lengths.values())) != 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise AnalysisError(f"{place}: expected lists of one length, got {found}.")
    return {
        column.name: [
            math.nan if _is_nothing(value) else _checked(column.name, value, column.dtype, place)
            for value in profile[column.name]
        ]
        for column in PROFILE
    }


def _values(entry: Mapping[str, Any], columns: Sequence[Column], place: str) -> dict[str, Any]:
    return {column.name: _value(entry, column.name, column.dtype, place) for column in columns}


def _value(entry: Mapping[str, Any], name: str, dtype: str, place: str) -> Any:
    value = entry.get(name)
    if name in NULLABLE and (value is None or _is_nothing(value)):
        return math.nan if dtype == "float64" else None
    return _checked(name, value, dtype, place)


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
    most = LARGEST if dtype == "float64" else MOST_INT if name in UNBOUNDED else MOST_WHOLE
    if not least <= value <= most:
        raise AnalysisError(f"{place}: expected {name} to be from {least:g} to {most:g}, got {got}.")
    return value
