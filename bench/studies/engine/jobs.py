"""A study is a list of named jobs; a job is one function that gives rows of tables, in a process of its own.

A job is known by its name and settings: a result of other settings is none of its own, so that a study that was
changed is measured again where it was changed. What a job leaves for others (checkpoints) is in its folder.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.documents import ANYTHING, TEXT, ListOf, MapOf, Record, load_format
from analysis.errors import AnalysisError
from analysis.vocabulary import STUDY_FORMAT
from bench.errors import ResultsError

Row = dict[str, Any]  # of plain numbers, texts, true, false and None
Tables = Mapping[str, Sequence[Row]]
Settings = Mapping[str, Any]

# What a result has to hold to count; what its tables hold is its chapter's to check.
RESULT = Record(
    {"study": TEXT, "job": TEXT, "settings": MapOf(ANYTHING), "tables": MapOf(ListOf(MapOf(ANYTHING)))}
)


@dataclass(frozen=True)
class Workplace:
    """What a job is given: the runs' folder and its settings."""

    runs: Path
    job: "Job"

    @property
    def settings(self) -> Settings:
        return self.job.settings

    @property
    def folder(self) -> Path:
        """Its own, for what it goes on from and for what others need of it."""
        return self.folder_of(self.job.name)

    def folder_of(self, name: str) -> Path:
        """That of a job of the same study that this one needs."""
        return self.runs / self.job.study / name

    def tables_of(self, name: str) -> Tables:
        """What a job of the same study has measured that this one needs.

        Raises:
            ResultsError: it has no result.
        """
        found = result(self.runs, self.job.study, name)
        if found is None:
            raise ResultsError(f"{self.job} needs {name}, which has no result in {self.runs}; run that first")
        return found["tables"]


@dataclass(frozen=True)
class Job:
    """One thing to do.

    Attributes:
        study, name: what it is of, and what its files are called.
        title: what it is for people, "selected LSTM, seed 0".
        work: what does it -> rows by table.
        settings: all that decides what it gives, as plain values.
        rank: 0 is done first, of all studies.
        seconds: what it takes, roughly.
        needs: names of jobs of the same study that must have a result first.
        alone: nothing else may be going, because its figures are times.
    """

    study: str
    name: str
    title: str
    work: Callable[[Workplace], Tables] = field(compare=False)
    settings: Settings = field(default_factory=dict, compare=False)
    rank: int = 0
    seconds: float = 10.0
    needs: tuple[str, ...] = ()
    alone: bool = False

    def __str__(self) -> str:
        return f"{self.study}: {self.title}"

    @property
    def key(self) -> str:
        """What it is called on a command line."""
        return f"{self.study}/{self.name}"

    @property
    def slug(self) -> str:
        """A file name of its own."""
        return f"{self.study}-{self.name}"

    def end(self, runs: Path) -> dict[str, Any] | None:
        """Its result; None where there is none, or one that is damaged or of other settings."""
        try:
            found = result(runs, self.study, self.name)
        except ResultsError:
            return None
        return found if found and found["settings"] == json.loads(json.dumps(dict(self.settings))) else None


@dataclass(frozen=True)
class Study:
    """A related system's jobs; `jobs(small)` are those that take seconds instead of minutes where `small` is set.

    `name` is that of its file and of its chapter, `arxiv` the number of its paper there, "1906.06847".
    """

    name: str
    arxiv: str
    jobs: Callable[[bool], Sequence[Job]]


def place(runs: Path, study: str, name: str) -> Path:
    """The file of a job's result."""
    return runs / study / f"{name}.json"


def result(runs: Path, study: str, name: str) -> dict[str, Any] | None:
    """What a job has left; None for nothing.

    Raises:
        ResultsError: the file is damaged or of another format.
    """
    path = place(runs, study, name)
    if not path.exists():
        return None
    try:
        return load_format(path, RESULT, STUDY_FORMAT, "a study's result")
    except AnalysisError as error:
        raise ResultsError(f"{str(error).removesuffix('.')}; remove it, and it is measured again.") from error


def planned(studies: Sequence[Study], small: bool) -> list[Job]:
    """Every job, the most important of all studies first."""
    return sorted((job for study in studies for job in study.jobs(small)), key=lambda job: job.rank)
