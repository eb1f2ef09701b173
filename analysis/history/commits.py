"""A folder of `python -m bench history` -> one series of points a cell and metric.

Why: every commit was measured on another minute of the same machine, so what the sentinel (nn.LSTM, whose code no
commit changes) did is taken out of each time before anybody looks for a step in it.

Known weakness: a sentinel's own noise of a commit goes into all its times.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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
FASTEST = "fastest"
VARIANTS = {  # (model, backend) -> label; a model's fastest backend at each commit is one more
    ("urnn", FASTEST): "uRNN, its fastest way",
    ("urnn", "reference"): "uRNN, eager reference",
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
    strangers = results.frame.loc[~known].drop_duplicates("file")
    problems = [*results.problems, *(_stranger(row.file, row.commit) for row in strangers.itertuples())]
    frame = results.frame[known]
    machines = sorted(frame["machine"].dropna().unique())
    if len(machines) > 1:
        raise AnalysisError(
            f"{folder}: expected results of one machine, got those of {', '.join(machines)}; "
            "measure each machine's history into a folder of its own, with --results."
        )
    found = _points(frame, {one.digits: one for one in commits})
    if not any(metric == STEP_TIME for *_, metric in found):
        raise AnalysisError(f"{folder}: expected times of the uRNN or nn.LSTM, got none.")
    drifts = {
        (key[2], key[3]): _drift(points)
        for key, points in found.items()
        if key[:1] + key[4:] == (SENTINEL_MODEL, STEP_TIME)
    }
    series = []
    for (model, backend, phase, size, metric), points in found.items():
        corrected = metric == STEP_TIME and model != SENTINEL_MODEL
        drift = drifts.get((phase, size), {}) if corrected else {}
        series.append(Series(model, backend, phase, size, metric, tuple(points), drift))
    order = list(VARIANTS)
    series.sort(
        key=lambda one: (
            one.metric != STEP_TIME,
            one.phase,
            one.hidden_size,
            order.index((one.model, one.backend)),
        )
    )
    return History(tuple(commits), tuple(series), _facts(frame), tuple(problems))


def _stranger(file: str, commit: str) -> str:
    return f"{file}: left out, because it holds results of {commit[:8]}, which is none of the history's commits."


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
        Commit(digits, entry["time"], printable(entry["subject"]), _failure(folder / digits))
        for digits, entry in entries.items()
        if os.path.isdir(folder / digits)
    ]


def _failure(folder: Path) -> str:
    """Why a commit was not measured; "" where it was."""
    path = folder / FAILURE_FILE
    if not os.path.lexists(path):
        return ""
    return printable(read_bytes(path).decode("utf-8", errors="replace").strip()) or "not measured"


Key = tuple[str, str, str, int, str]


def _points(frame, commits: Mapping[str, Commit]) -> dict[Key, list[Point]]:
    """Points by (model, backend, phase, size, metric); of a model with several backends the fastest besides."""
    rows = frame[(frame["outcome"] == MEASURED) & frame["metric"].isin([STEP_TIME, PEAK_ALLOCATED])]
    by_commit: dict[tuple[Key, str], Point] = {}
    for (digits, metric, *axes), part in rows.groupby(["commit", "metric", *AXES], sort=False):
        values = tuple(float(value) for value in part.groupby(["file", "pass"], dropna=False)["value"].median())
        named = dict(zip(AXES, axes, strict=True))
        key = (named["model"], named["backend"], named["phase"], int(named["hidden_size"]), metric)
        by_commit[key, digits] = Point(commits[digits], values, Cell(**named).id)
    found: dict[Key, list[Point]] = {}
    for digits in commits:
        own = {key: point for (key, at), point in by_commit.items() if at == digits}
        for key, point in own.items():
            if (key[0], key[1]) in VARIANTS:
                found.setdefault(key, []).append(point)
        timed = {key for key in own if (key[0], FASTEST) in VARIANTS and key[4] == STEP_TIME}
        for model, _, phase, size, _ in timed:
            _add_fastest(found, own, model, phase, size)
    return {key: _once(points) for key, points in found.items()}


def _add_fastest(
    found: dict[Key, list[Point]], own: Mapping[Key, Point], model: str, phase: str, size: int
) -> None:
    """The points of the backend that was fastest at one commit, under the name FASTEST."""
    backends = {
        key[1]: point for key, point in own.items() if key[0] == model and key[2:] == (phase, size, STEP_TIME)
    }
    best = min(backends, key=lambda backend: np.median(backends[backend].values))
    for metric in (STEP_TIME, PEAK_ALLOCATED):
        if (point := own.get((model, best, phase, size, metric))) is not None:
            found.setdefault((model, FASTEST, phase, size, metric), []).append(point)


def _once(points: Sequence[Point]) -> list[Point]:
    return list({point.commit.digits: point for point in points}.values())


def _drift(points: Sequence[Point]) -> dict[str, float]:
    logs = {point.commit.digits: float(np.mean([math.log(value) for value in point.values])) for point in points}
    middle = float(np.mean(list(logs.values())))
    return {digits: value - middle for digits, value in logs.items()}


def _facts(frame) -> dict[str, str]:
    listed = {"Machine": "machine", "Processor": "cpu", "torch": "torch", "Python": "python", "Threads": "threads"}
    found = {
        name: ", ".join(str(value) for value in frame[column].dropna().unique()) for name, column in listed.items()
    }
    times = sorted(str(time) for time in frame["measured_at"].dropna().unique())
    if times:
        found["Measured"] = f"{times[0][:16]} to {times[-1][:16]}".replace("T", " ")
    return {name: value for name, value in found.items() if value}
