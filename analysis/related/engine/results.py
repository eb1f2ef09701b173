"""A folder of `python -m bench related`, or an earlier report -> tidy frames, and what was not run.

A result that is damaged, that lacks what its chapter reads, or that is of other settings than the plan's is left
out and named: a job of another size would be a repetition of nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.documents import (
    ANYTHING,
    FLAG,
    TEXT,
    Columns,
    ListOf,
    MapOf,
    Maybe,
    Record,
    check,
    dtypes,
    load_format,
    real,
)
from analysis.errors import AnalysisError
from analysis.related.engine.chapter import Chapter, Frames
from analysis.schema import tidy_frame
from analysis.vocabulary import STUDY_FORMAT, STUDY_PLAN

COMPACT = "studies.json"  # of a report: the plan and all results
FIX = "run `python -m bench related` first"

PLANNED = Record(
    {"study": TEXT, "job": TEXT, "title": TEXT, "settings": MapOf(ANYTHING), "command": TEXT}, {"failed": TEXT}
)
PLAN = {"jobs": ListOf(PLANNED), "small": FLAG}
PROVENANCE = Record(
    dict.fromkeys(("torch", "python", "machine", "cpu", "commit", "started_at"), TEXT)
    | {"seconds": real(0.0, 1e9)}
)
RESULT = Record(
    {
        "study": TEXT,
        "job": TEXT,
        "settings": MapOf(ANYTHING),
        "provenance": PROVENANCE,
        "tables": MapOf(ListOf(MapOf(ANYTHING))),
    }
)

Document = dict[str, Any]


@dataclass(frozen=True)
class Missing:
    """A job without a result: of which study, what it is, the command that does it, and why it is missing."""

    study: str
    title: str
    command: str
    why: str


@dataclass(frozen=True)
class Results:
    """What was measured.

    Attributes:
        frames: study -> table -> its rows, with a column "job".
        missing: jobs of the plan without a result.
        small: whether the studies were a trial, whose figures say nothing.
        problems: a sentence for each result that was left out.
        plan, results: the documents themselves.
    """

    frames: Mapping[str, Frames]
    missing: Sequence[Missing]
    small: bool
    problems: Sequence[str]
    plan: Document
    results: Sequence[Document]

    @property
    def provenance(self) -> pd.DataFrame:
        """Where, when and with what each result was made, a row each."""
        return pd.DataFrame([one["provenance"] | {"study": one["study"]} for one in self.results])


def read(folder: Path, chapters: Sequence[Chapter]) -> Results:
    """What the chapters have to say.

    Raises AnalysisError for a folder without studies, and for a damaged plan or report.
    """
    if os.path.lexists(folder / COMPACT):
        whole = {**PLAN, "results": ListOf(MapOf(ANYTHING))}
        plan = load_format(folder / COMPACT, Record(whole), STUDY_FORMAT, "studies")
        found = [
            (f"{folder / COMPACT}, result {number}", one) for number, one in enumerate(plan.pop("results"), 1)
        ]
        return _sorted_out(plan, found, chapters, [])
    if not os.path.lexists(folder / STUDY_PLAN):
        raise AnalysisError(f"No studies in {folder}; {FIX}.")
    plan = load_format(folder / STUDY_PLAN, Record(PLAN), STUDY_FORMAT, "a plan")
    found, problems = [], []
    for path in sorted(folder.glob("*/*.json")):
        try:
            found.append((str(path), load_format(path, Record(), STUDY_FORMAT, "a study's result")))
        except AnalysisError as error:
            problems.append(str(error))
    return _sorted_out(plan, found, chapters, problems)


def compact(results: Results) -> str:
    """Everything that the report was made of, to draw it again from."""
    document = {"format": STUDY_FORMAT, **results.plan, "results": list(results.results)}
    return json.dumps(document, allow_nan=False) + "\n"


def _sorted_out(
    plan: Document, found: Sequence[tuple[str, Document]], chapters: Sequence[Chapter], problems: list[str]
) -> Results:
    tables = {chapter.study: chapter.tables for chapter in chapters}
    settings = {(job["study"], job["job"]): job["settings"] for job in plan["jobs"]}
    kept: list[Document] = []
    for place, document in found:
        try:
            kept.append(_checked(document, place, tables, settings))
        except AnalysisError as error:
            problems.append(str(error))
    done = {(one["study"], one["job"]) for one in kept}
    missing = [
        Missing(job["study"], job["title"], job["command"], job.get("failed") or "")
        for job in plan["jobs"]
        if (job["study"], job["job"]) not in done
    ]
    frames = {study: _frames(kept, study, columns) for study, columns in tables.items()}
    return Results(frames, missing, plan["small"], problems, plan, kept)


def _checked(
    document: Document, place: str, tables: Mapping[str, Mapping[str, Columns]], settings: Mapping[Any, Any]
) -> Document:
    """The document, if all that is read of it is there and it is of the plan."""
    check(document, RESULT, place)
    study, job = document["study"], document["job"]
    if (study, job) not in settings:
        raise AnalysisError(f"{place}: left out, because the plan has no job {study}/{job}.")
    if settings[study, job] != document["settings"]:
        raise AnalysisError(f"{place}: left out, because it is of other settings than the plan's.")
    if study not in tables:
        raise AnalysisError(f"{place}: left out, because no chapter is about {study}.")
    for name, rows in document["tables"].items():
        if name not in tables[study]:
            raise AnalysisError(f"{place}: expected tables {', '.join(tables[study])}, got {name}.")
        check({name: rows}, Record({name: ListOf(_row(tables[study][name]))}), place, ("tables",))
    return document


def _row(columns: Columns) -> Record:
    optional = {name: shape.shape for name, shape in columns.items() if isinstance(shape, Maybe)}
    return Record({name: shape for name, shape in columns.items() if name not in optional}, optional)


def _frames(results: Sequence[Document], study: str, tables: Mapping[str, Columns]) -> dict[str, pd.DataFrame]:
    found: dict[str, pd.DataFrame] = {}
    for table, columns in tables.items():
        rows = [
            {"job": one["job"], **{name: row.get(name) for name in columns}}
            for one in results
            if one["study"] == study
            for row in one["tables"].get(table, [])
        ]
        found[table] = tidy_frame(rows, dtypes({"job": TEXT, **columns}))
    return found
