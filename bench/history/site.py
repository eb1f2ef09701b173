"""The history as asv's site: results in asv's own format, and `asv publish` over them.

Why not `asv run` over the range: asv measures every commit with today's benchmarks, which the first commits' code
does not fit, and each commit here came with its own suite. The numbers are those of the history's report.

Known weakness: one median per commit; asv's site knows nothing of the spread between processes.
"""

import itertools
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from analysis.history.commits import History, read
from analysis.vocabulary import PEAK_ALLOCATED, STEP_TIME
from bench import git
from bench.errors import SweepError
from bench.paths import ROOT
from bench.processes.children import child
from bench.run_file import write_atomically

MACHINE_VERSION, BENCHMARKS_VERSION, RESULTS_VERSION = 1, 2, 2  # of asv's formats
BRANCHES = ("main", "origin/main")  # a clone may have no main of its own
AXES = ("model", "phase", "hidden_size")
BENCHMARKS = {  # metric -> (asv's name, what it shows, unit)
    STEP_TIME: ("history.step_time", "Time of a time step (B = 32, T = 100)", "seconds"),
    PEAK_ALLOCATED: ("history.peak_memory", "Peak allocated memory of a call (B = 32, T = 100)", "bytes"),
}

Point = tuple[str, str, int]  # one value of each axis


def publish(folder: Path, site: Path, repository: Path = ROOT, log: Callable[[str], None] = print) -> int:
    """Writes asv's results beside the history in `folder`, and its site into `site`; how many commits it shows.

    `log` gets a line for each damaged file, which is left out.

    Raises:
        AnalysisError: no commit has results, machines are mixed, or the list of commits is damaged.
        ResultsError: a file cannot be written.
        SweepError: asv fails; its own message is printed before.
    """
    history = read(folder)
    for problem in history.problems:
        log(problem)
    results, machine = folder / "asv", _machine(history.facts)
    values = _values(history)
    points = {at for of_metric in values.values() for of_commit in of_metric.values() for at in of_commit}
    axes = [sorted(set(along)) for along in zip(*points, strict=True)]
    write_atomically(
        results / machine["machine"] / "machine.json", json.dumps({**machine, "version": MACHINE_VERSION})
    )
    write_atomically(results / "benchmarks.json", json.dumps(_benchmarks(axes)))
    shown = [commit for commit in history.commits.itertuples() if values[STEP_TIME].get(commit.commit)]
    for commit in shown:
        path = results / machine["machine"] / f"{commit.name}-history.json"
        of_commit = {metric: values[metric].get(commit.commit, {}) for metric in BENCHMARKS}
        write_atomically(path, json.dumps(_result(commit, of_commit, axes, machine)))
    _publish(results, site, repository)
    return len(shown)


def _values(history: History) -> dict[str, dict[str, dict[Point, float]]]:
    """Medians over a commit's processes, by metric, commit and point."""
    found: dict[str, dict[str, dict[Point, float]]] = {metric: {} for metric in BENCHMARKS}
    for one in history.points.itertuples():
        at = (f"{one.model}:{one.backend}", one.phase, one.hidden_size)
        found[one.metric].setdefault(one.commit, {})[at] = statistics.median(one.processes)
    return found


def _literals(axes: list[list]) -> list[list[str]]:
    """Every parameter as the text of a Python literal, as asv has them."""
    return [[repr(value) for value in axis] for axis in axes]


def _benchmarks(axes: list[list]) -> dict[str, object]:
    """asv's list of benchmarks."""
    listed = {
        name: {
            "name": name,
            "pretty_name": pretty,
            "unit": unit,
            "type": "track",
            "code": pretty,
            "version": metric,
            "timeout": 0,
            "param_names": list(AXES),
            "params": _literals(axes),
        }
        for metric, (name, pretty, unit) in BENCHMARKS.items()
    }
    return {**listed, "version": BENCHMARKS_VERSION}


def _result(
    commit: Any, values: Mapping[str, Mapping[Point, float]], axes: list[list], machine: Mapping[str, str]
) -> dict[str, object]:
    """One row of a history's commits in asv's results format; what it does not have is null."""
    return {
        "commit_hash": commit.commit,
        "env_name": "history",
        "date": round(1000 * datetime.fromisoformat(commit.time).timestamp()),
        "params": dict(machine),
        "python": machine["python"],
        "requirements": {"torch": machine["torch"]},
        "env_vars": {},
        "result_columns": ["result", "params", "version"],
        "results": {
            name: [[values[metric].get(at) for at in itertools.product(*axes)], _literals(axes), metric]
            for metric, (name, *_) in BENCHMARKS.items()
        },
        "durations": {},
        "version": RESULTS_VERSION,
    }


def _machine(facts: Mapping[str, str]) -> dict[str, str]:
    """What asv wants to know of the machine; its name is a folder's, so it is a plain word."""
    name = re.sub(r"[^\w.-]+", "_", facts.get("Machine", "")).lstrip(".") or "unknown"
    unknown = dict.fromkeys(("os", "arch", "num_cpu", "ram"), "")
    known = {"cpu": facts.get("Processor", ""), "python": facts.get("Python", ""), "torch": facts.get("torch", "")}
    return {"machine": name, **unknown, **known}


def _publish(results: Path, site: Path, repository: Path) -> None:
    """`asv publish` with the project's settings, these results and this site."""
    settings = json.loads((ROOT / "asv.conf.json").read_text())
    branch = next((name for name in BRANCHES if git.digits_of(name, repository)), "HEAD")
    settings |= {"repo": str(repository), "results_dir": str(results), "html_dir": str(site), "branches": [branch]}
    config = results.with_name("asv.conf.json")  # not among the results, where asv would take it for one
    write_atomically(config, json.dumps(settings))
    command = [sys.executable, "-m", "asv", "publish", "--no-pull", "--config", str(config)]
    with child(command, ROOT, git.environment(), stdin=subprocess.DEVNULL) as process:
        code = process.wait()
    if code != 0:
        raise SweepError("asv could not publish the history; see its own message above")
