"""A folder of `python -m bench history` -> one series of points a cell and metric.

Why: every commit was measured on another minute of the same machine, so what the sentinel (nn.LSTM, whose code no
commit changes) did is taken out of each time before anybody looks for a step in it.

Known weakness: a sentinel's own noise of a commit goes into all its times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.errors import AnalysisError
from analysis.regressions.side import AXES, cell_id
from analysis.results import load_json
from analysis.results import read as read_results
from analysis.schema import MEASURED, PEAK_ALLOCATED, PHASE_LABELS, STEP_TIME
from analysis.statistics.log_ratio import Floats

COMMITS, FAILED = "commits.json", "failed.txt"
SENTINEL = "lstm"
FASTEST = "fastest"
VARIANTS = {  # (model, backend) -> label; a model's fastest backend at each commit is one more
    ("urnn", FASTEST): "uRNN, its fastest way",
    ("urnn", "reference"): "uRNN, eager reference",
    (SENTINEL, "torch"): "nn.LSTM, the sentinel",
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
        return f"{PHASE_LABELS[self.phase]}, n = {self.hidden_size}"

    def logs(self, point: Point) -> Floats:
        """Logs of a point's processes, the sentinel's drift taken out, (k,)."""
        return np.log(point.values) - self.drift.get(point.commit.digits, 0.0)

    @property
    def levels(self) -> Floats:
        """The mean of each point's logs, (points,)."""
        return np.array([self.logs(point).mean() for point in self.points])


@dataclass(frozen=True)
class History:
    """All commits, oldest first, the series that their results make, and what people want to know of the
    machine."""

    commits: tuple[Commit, ...]
    series: tuple[Series, ...]
    facts: Mapping[str, str]


def read(folder: Path) -> History:
    """The history in a folder.

    Raises AnalysisError where there is none, it is damaged, nothing was measured or machines are mixed.
    """
    commits = _commits(folder)
    paths = [folder / one.digits for one in commits if not one.failure]
    if not paths:
        raise AnalysisError(f"{folder}: no commit was measured; run `python -m bench history` first.")
    frame = read_results(paths).frame
    machines = sorted(frame["machine"].dropna().unique())
    if len(machines) > 1:
        raise AnalysisError(
            f"{folder}: expected results of one machine, got those of {', '.join(machines)}; "
            "measure each machine's history into a folder of its own, with --results."
        )
    found = _points(frame, {one.digits: one for one in commits})
    drifts = {
        (key[2], key[3]): _drift(points)
        for key, points in found.items()
        if key[:1] + key[4:] == (SENTINEL, STEP_TIME)
    }
    series = []
    for (model, backend, phase, size, metric), points in found.items():
        corrected = metric == STEP_TIME and model != SENTINEL
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
    return History(tuple(commits), tuple(series), _facts(frame))


def _commits(folder: Path) -> list[Commit]:
    """All commits that the folder knows and that have an end, in the order of their times."""
    if not (folder / COMMITS).exists():
        raise AnalysisError(f"{folder}: no history is there; run `python -m bench history` first.")
    try:
        entries = [(entry["commit"], entry["time"], entry["subject"]) for entry in load_json(folder / COMMITS)]
    except (KeyError, TypeError) as error:
        raise AnalysisError(
            f"{folder / COMMITS}: expected a list of commits with time and subject ({error!r})."
        ) from error
    return [Commit(*entry, _failure(folder / entry[0])) for entry in entries if (folder / entry[0]).is_dir()]


def _failure(folder: Path) -> str:
    path = folder / FAILED
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


Key = tuple[str, str, str, int, str]


def _points(frame, commits: Mapping[str, Commit]) -> dict[Key, list[Point]]:
    """Points by (model, backend, phase, size, metric); of a model with several backends the fastest besides."""
    rows = frame[(frame["outcome"] == MEASURED) & frame["metric"].isin([STEP_TIME, PEAK_ALLOCATED])]
    by_commit: dict[tuple[Key, str], Point] = {}
    for (digits, metric, *axes), part in rows.groupby(["commit", "metric", *AXES], sort=False):
        values = tuple(float(value) for value in part.groupby(["file", "pass"], dropna=False)["value"].median())
        named = dict(zip(AXES, axes, strict=True))
        key = (named["model"], named["backend"], named["phase"], int(named["hidden_size"]), metric)
        by_commit[key, digits] = Point(commits[digits], values, cell_id(named))
    found: dict[Key, list[Point]] = {}
    for digits in commits:
        own = {key: point for (key, at), point in by_commit.items() if at == digits}
        for key, point in own.items():
            if (key[0], key[1]) in VARIANTS:
                found.setdefault(key, []).append(point)
        for model, _, phase, size, _ in {key for key in own if (key[0], FASTEST) in VARIANTS}:
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
