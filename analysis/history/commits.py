"""A folder of `python -m bench history` -> its commits, and a tidy frame: a row a cell and commit.

Why: every commit was measured on another minute of the same machine, so what the sentinel (nn.LSTM, whose code no
commit changes) did is taken out of each time before anybody looks for a step in it. Its own noise goes in.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.documents import TEXT, ListOf, Record, load, read_bytes
from analysis.errors import AnalysisError, printable
from analysis.results import read as read_results
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
MODEL, FASTEST = "urnn", "fastest"
PLACE = ["phase", "hidden_size"]
SERIES = ["metric", *PLACE, "model", "backend"]
VARIANTS = {  # (model, backend) -> label; the fastest backend at each commit is one more
    (MODEL, FASTEST): "uRNN, its fastest way",
    (MODEL, "reference"): "uRNN, eager reference",
    tuple(SENTINEL.split(":")): "nn.LSTM, the sentinel",
}


@dataclass(frozen=True)
class History:
    """What was measured of a range of commits.

    Attributes:
        commits: commit (its digits), name (eight of them), time, subject and failure, which says why it has no
            figures, or is empty; the oldest first.
        points: a row a series and commit, series by series: number, which is the series'; series and place, for
            people; what the commit is; the cell that stands for it, processes (what each measured: s a time step,
            or B), their logs without the sentinel's drift, and level, the mean of these.
        facts: what people want to know of the machine.
        problems: which files were left out and why, one sentence each.
    """

    commits: pd.DataFrame
    points: pd.DataFrame
    facts: Mapping[str, str]
    problems: tuple[str, ...] = ()

    @property
    def measured(self) -> pd.DataFrame:
        """The commits that have figures."""
        return self.commits[self.commits["failure"] == ""]


def read(folder: Path) -> History:
    """The history in a folder.

    Raises AnalysisError where there is none, it is damaged, nothing was measured or machines are mixed.
    """
    commits = _commits(folder)
    paths = [folder / digits for digits in commits.loc[commits["failure"] == "", "commit"]]
    if not paths:
        raise AnalysisError(f"{folder}: no commit was measured; run `python -m bench history` first.")
    results = read_results(paths)
    known = results.frame["commit"].isin(commits["commit"])
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
    points = _series(_points(frame), commits)
    if not (points["metric"] == STEP_TIME).any():
        raise AnalysisError(f"{folder}: expected times of the uRNN or nn.LSTM, got none.")
    return History(commits, points, _facts(frame), (*results.problems, *strangers))


def _commits(folder: Path) -> pd.DataFrame:
    """All commits that the folder knows and that have an end, in the order of their times."""
    path = folder / COMMITS_FILE
    if not os.path.lexists(path):
        raise AnalysisError(f"{folder}: no history is there; run `python -m bench history` first.")
    entries = {entry["commit"]: entry for entry in load(path, SHAPE)}
    for digits in entries:
        if not DIGITS.fullmatch(digits):
            raise AnalysisError(f"{path}: expected commits by their digits, got {digits!r}.")
    rows = [
        (digits, digits[:8], one["time"], printable(one["subject"]), _failure(folder / digits / FAILURE_FILE))
        for digits, one in entries.items()
        if os.path.isdir(folder / digits)
    ]
    return pd.DataFrame(rows, columns=["commit", "name", "time", "subject", "failure"])


def _failure(path: Path) -> str:
    """Why a commit was not measured; "" where it was."""
    if not os.path.lexists(path):
        return ""
    return printable(read_bytes(path).decode("utf-8", errors="replace").strip()) or "not measured"


def _points(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each commit and series, with the cell's own id and the median of each process."""
    rows = frame[(frame["outcome"] == MEASURED) & frame["metric"].isin([STEP_TIME, PEAK_ALLOCATED])]
    each = ["commit", "metric", *AXES]
    processes = rows.groupby([*each, "file", "pass"], dropna=False, sort=False)["value"].median()
    points = processes.groupby(level=each, sort=False).agg(tuple).rename("processes").reset_index()
    points["cell"] = [Cell(**row).id for row in points[list(AXES)].to_dict("records")]
    points = points.drop_duplicates(["commit", *SERIES], keep="last")
    fastest = points[(points["metric"] == STEP_TIME) & (points["model"] == MODEL)]
    fastest = fastest.iloc[fastest["processes"].map(np.median).argsort(kind="stable")]
    fastest = fastest.drop_duplicates(["commit", *PLACE])
    fastest = points.merge(fastest[["commit", *PLACE, "model", "backend"]]).assign(backend=FASTEST)
    named = [variant in VARIANTS for variant in zip(points["model"], points["backend"], strict=True)]
    return pd.concat([points[named], fastest]).drop_duplicates(["commit", *SERIES], keep="last")


def _series(points: pd.DataFrame, commits: pd.DataFrame) -> pd.DataFrame:
    """Points in the order of their series, times before bytes, then by place and in the order of VARIANTS."""
    variants = [*zip(points["model"], points["backend"], strict=True)]
    points = points.assign(
        place=[f"{PHASES.get(phase, phase)}, n = {n}" for phase, n in points[PLACE].to_numpy()],
        series=[VARIANTS[variant] for variant in variants],
        variant=[list(VARIANTS).index(variant) for variant in variants],
        time_of_step=points["metric"] == STEP_TIME,
    )
    points = points.merge(commits.drop(columns="failure").reset_index(names="position"))
    order = ["time_of_step", *PLACE, "variant", "position"]
    points = points.sort_values(order, ascending=[False, *[True] * 4]).reset_index(drop=True)
    points["number"] = points.groupby(SERIES, sort=False).ngroup()
    # No bytes at all count as one.
    least = [1.0 if metric == PEAK_ALLOCATED else 0.0 for metric in points["metric"]]
    points["logs"] = [np.log(np.maximum(*pair)) for pair in zip(points["processes"], least, strict=True)]
    sentinel = points[points["time_of_step"] & (points["model"] == SENTINEL.partition(":")[0])]
    level = sentinel["logs"].map(np.mean)
    drift = sentinel.assign(drift=level - level.groupby([sentinel[name] for name in PLACE]).transform("mean"))
    drifts = points.merge(drift[["commit", *PLACE, "drift"]], how="left")["drift"].fillna(0.0)
    points["logs"] -= drifts.where(points["time_of_step"] & ~points.index.isin(sentinel.index), 0.0)
    return points.assign(level=points["logs"].map(np.mean))


def _facts(frame: pd.DataFrame) -> dict[str, str]:
    listed = {"Machine": "machine", "Processor": "cpu", "torch": "torch", "Python": "python", "Threads": "threads"}
    found = {name: ", ".join(map(str, frame[column].dropna().unique())) for name, column in listed.items()}
    times = frame["measured_at"].dropna().astype(str)
    if len(times):
        found["Measured"] = f"{times.min()[:16]} to {times.max()[:16]}".replace("T", " ")
    return {name: value for name, value in found.items() if value}
