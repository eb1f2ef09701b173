"""The tidy tables of an earlier report (runs.csv, evaluations.csv, anatomy.csv) -> the same frames again.

Why: the tables are kept where the logs, which are many and large, are not; a report is made anew from either.
A table from before there were goals has those of its time; `solved_iteration` says when each was met. Numbers have
the eight digits that the tables have.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.errors import EmptyDataError, ParserError

from analysis.documents import LARGEST, read_bytes
from analysis.errors import AnalysisError
from analysis.experiments import goals
from analysis.experiments.schema import ANATOMY, EVALUATIONS, LEAST, NULLABLE, RUNS
from analysis.schema import Column

RUNS_FILE, EVALUATIONS_FILE, ANATOMY_FILE = "runs.csv", "evaluations.csv", "anatomy.csv"
ADDED = ("family", "goal", "solved")  # columns that the first tables did not have
_EMPTY_BEFORE_THE_END = ("goal", "scored_on", "solved_iteration", "solved_seconds")  # beside schema.NULLABLE


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Runs, evaluations and anatomy. Raises AnalysisError, which names the file, where one cannot be used."""
    runs = _table(folder / RUNS_FILE, RUNS)
    evaluations = _table(folder / EVALUATIONS_FILE, EVALUATIONS)
    anatomy = _table(folder / ANATOMY_FILE, ANATOMY)
    if runs.empty:
        raise AnalysisError(f"{folder / RUNS_FILE}: expected at least one run, got none.")
    if (again := runs["run"].duplicated()).any():
        raise AnalysisError(
            f"{folder / RUNS_FILE}: expected each run once, got {runs['run'][again].iloc[0]} again."
        )
    for name, table in ((EVALUATIONS_FILE, evaluations), (ANATOMY_FILE, anatomy)):
        if not (known := table["run"].isin(runs["run"])).all():
            unknown = table["run"][~known].iloc[0]
            raise AnalysisError(f"{folder / name}: expected runs of {RUNS_FILE}, got {unknown!r}.")
    if runs["goal"].isna().all():
        found = [goals.before(run) for run in runs.to_dict("records")]
        runs["goal"] = pd.array([goal.words if goal else pd.NA for goal in found], dtype="string")
    return runs, evaluations, anatomy


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
    for column in columns:
        _require_values(path, column, table[column.name])
    return table


def _require_values(path: Path, column: Column, values: pd.Series) -> None:
    """Raises AnalysisError where a value is missing or out of its bounds."""
    if column.name not in (*NULLABLE, *_EMPTY_BEFORE_THE_END, "iterations_per_second") and values.isna().any():
        raise AnalysisError(f"{path}: expected a {column.name} in every row, got none in one.")
    if column.dtype in ("Int64", "float64"):
        least = LEAST.get(column.name, -LARGEST)
        known = values.dropna()
        wrong = known[~known.between(least, LARGEST)]
        if len(wrong):
            raise AnalysisError(f"{path}: expected {column.name} to be at least {least:g}, got {wrong.iloc[0]}.")
