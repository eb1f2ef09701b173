"""A folder of `python -m bench history` -> one series of points a cell and metric.

Why: every commit was measured on another minute of the same machine, so what the sentinel (nn.LSTM, whose code no
commit changes) did is taken out of each time before anybody looks for a step in it. Its own noise goes in.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.documents import TEXT, ListOf, Record, load, read_bytes
from analysis.errors import AnalysisError, printable
from analysis.results import read as read_results
from analysis.statistics.log_ratio import Floats
from analysis.vocabulary import (
    AXES,
    COMMITS_FILE,
    FAILURE_FILE,
    MEASURED,
    PEAK_ALLOCATED,
    PHASES,
    SENTINEL,
    STEP_TIME,
    Cell,
)

SHAPE = ListOf(Record(dict.fromkeys(("commit", "time", "subject"), TEXT)))
DIGITS = re.compile(r"[0-9a-f]{7,64}")
SENTINEL_MODEL = SENTINEL.partition(":")[0]
MODEL, FASTEST = "urnn", "fastest"
SERIES = ["model", "backend", "phase", "hidden_size", "metric"]
VARIANTS = {  # (model, backend) -> label; the fastest backend at each commit is one more
    (MODEL, FASTEST): "uRNN, its fastest way",
    (MODEL, "reference"): "uRNN, eager reference",
    tuple(SENTINEL.split(":")): "nn.LSTM, the sentinel",
}


@dataclass(frozen=True)
class Commit:
    """A commit of the history; `failure` says why it has no figures, or is empty."""

    digits: str
    time: str
    subject: str
    failure: str = ""

    @property
    def name(self) -> str:
        return self.digits[:8]


@dataclass(frozen=True)
class Point:
    """One commit's figure of one cell: what each process measured (s a time step, or B), and the cell's own id."""

    commit: Commit
    values: tuple[float, ...]
    cell: str


@dataclass(frozen=True, eq=False)
class Series:
    """One model's figure at one size over the commits, oldest first.

    Attributes:
        drift: commit -> log of the sentinel's time over its mean, 0 where none is taken out.
    """

    model: str
    backend: str
    phase: str
    hidden_size: int
    metric: str
    points: tuple[Point, ...]
    drift: Mapping[str, float]

    @property
    def label(self) -> str:
        return VARIANTS[self.model, self.backend]

    @property
    def place(self) -> str:
        return f"{PHASES.get(self.phase, self.phase)}, n = {self.hidden_size}"

    def logs(self, point: Point) -> Floats:
        """Logs of a point's processes, the sentinel's drift taken out, (k,); no bytes at all count as one."""
        values = np.maximum(point.values, 1.0) if self.metric == PEAK_ALLOCATED else np.asarray(point.values)
        return np.log(values) - self.drift.get(point.commit.digits, 0.0)

    @property
    def levels(self) -> Floats:
        """The mean of each point's logs, (points,)."""
        return np.array([self.logs(point).mean() for point in self.points])


@dataclass(frozen=True)
class History:
    """All commits, oldest first, the series that their results make, and what people want to know of the
    machine; `problems` says which files were left out and why, one sentence each."""

    commits: tuple[Commit, ...]
    series: tuple[Series, ...]
    facts: Mapping[str, str]
    problems: tuple[str, ...] = ()


def read(folder: Path) -> History:
    """The history in a folder.

    Raises AnalysisError where there is none, it is damaged, nothing was measured or machines are mixed.
    """
    commits = _commits(folder)
    paths = [folder / one.digits for one in commits if not one.failure]
    if not paths:
        raise AnalysisError(f"{folder}: no commit was measured; run `python -m bench history` first.")
    results = read_results(paths)
    known = results.frame["commit"].isin([one.digits for one in commits])
    strangers = [
        f"{file}: left out, because it holds results of {commit[:8]}, which is none of the history's commits."
        for file, commit in results.frame.loc[~known].drop_duplicates("file")[["file", "commit"]].to_numpy()
    ]
    frame = results.frame[known]
    machines = sorted(frame["machine"].dropna().unique())
    if len(machines) > 1:
        raise AnalysisError(
            f"{folder}: expected results of one machine, got those of {', '.join(machines)}; "
            "measure each machine's history into a folder of its own, with --results."
        )
    points = _points(frame)
    if not (points["metric"] == STEP_TIME).any():
        raise AnalysisError(f"{folder}: expected times of the uRNN or nn.LSTM, got none.")
    return History(tuple(commits), _series(points, commits), _facts(frame), (*results.problems, *strangers))


def _commits(folder: Path) -> list[Commit]:
    """All commits that the folder knows and that have an end, in the order of their times."""
    path = folder / COMMITS_FILE
    if not os.path.lexists(path):
        raise AnalysisError(f"{folder}: no history is there; run `python -m bench history` first.")
    entries = {entry["commit"]: entry for entry in load(path, SHAPE)}
    for digits in entries:
        if not DIGITS.fullmatch(digits):
            raise AnalysisError(f"{path}: expected commits by their digits, got {digits!r}.")
    return [
        Commit(digits, entry["time"], printable(entry["subject"]), _failure(folder / digits / FAILURE_FILE))
        for digits, entry in entries.items()
        if os.path.isdir(folder / digits)
    ]


def _failure(path: Path) -> str:
    """Why a commit was not measured; "" where it was."""
    if not os.path.lexists(path):
        return ""
    return printable(read_bytes(path).decode("utf-8", errors="replace").strip()) or "not measured"


def _points(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each point: commit, series, the cell's own id, and `values`, the median of each process."""
    rows = frame[(frame["outcome"] == MEASURED) & frame["metric"].isin([STEP_TIME, PEAK_ALLOCATED])]
    each = ["commit", "metric", *AXES]
    processes = rows.groupby([*each, "file", "pass"], dropna=False, sort=False)["value"].median()
    points = processes.groupby(level=each, sort=False).agg(tuple).rename("values").reset_index()
    points["cell"] = [Cell(**row).id for row in points[list(AXES)].to_dict("records")]
    points = points.drop_duplicates(["commit", *SERIES], keep="last")
    fastest = points[(points["metric"] == STEP_TIME) & (points["model"] == MODEL)]
    fastest = fastest.iloc[fastest["values"].map(np.median).argsort(kind="stable")]
    fastest = fastest.drop_duplicates(["commit", "phase", "hidden_size"])
    fastest = points.merge(fastest[["commit", "model", "backend", "phase", "hidden_size"]]).assign(backend=FASTEST)
    named = [variant in VARIANTS for variant in zip(points["model"], points["backend"], strict=True)]
    return pd.concat([points[named], fastest]).drop_duplicates(["commit", *SERIES], keep="last")


def _series(points: pd.DataFrame, commits: Sequence[Commit]) -> tuple[Series, ...]:
    """Times before bytes, then by place and in the order of VARIANTS."""
    by_digits, place = {one.digits: one for one in commits}, ["phase", "hidden_size"]
    points = points.sort_values("commit", key=lambda digits: digits.map(list(by_digits).index), kind="stable")
    sentinel = points[(points["model"] == SENTINEL_MODEL) & (points["metric"] == STEP_TIME)]
    logs = sentinel["values"].map(lambda values: np.log(values).mean())
    sentinel = sentinel.assign(drift=logs - logs.groupby([sentinel[name] for name in place]).transform("mean"))
    drifts = {at: dict(zip(part["commit"], part["drift"], strict=True)) for at, part in sentinel.groupby(place)}
    found = []
    for (model, backend, phase, size, metric), part in points.groupby(SERIES):
        drift = drifts.get((phase, size), {}) if metric == STEP_TIME and model != SENTINEL_MODEL else {}
        mine = tuple(
            Point(by_digits[digits], values, cell)
            for digits, values, cell in zip(part["commit"], part["values"], part["cell"], strict=True)
        )
        found.append(Series(model, backend, phase, int(size), metric, mine, drift))

    def order(one: Series) -> tuple:
        return one.metric != STEP_TIME, one.phase, one.hidden_size, list(VARIANTS).index((one.model, one.backend))

    return tuple(sorted(found, key=order))


def _facts(frame: pd.DataFrame) -> dict[str, str]:
    listed = {"Machine": "machine", "Processor": "cpu", "torch": "torch", "Python": "python", "Threads": "threads"}
    found = {name: ", ".join(map(str, frame[column].dropna().unique())) for name, column in listed.items()}
    times = frame["measured_at"].dropna().astype(str)
    if len(times):
        found["Measured"] = f"{times.min()[:16]} to {times.max()[:16]}".replace("T", " ")
    return {name: value for name, value in found.items() if value}
