"""The history as asv's site: results in asv's own format, and `asv publish` over them.

Why not `asv run` over the range: asv measures every commit with today's benchmarks, which the first commits' code
does not fit, and each commit here came with its own suite. The numbers are those of the history's folder.

Known weakness: a median a commit; asv's site knows nothing of the spread between processes.
"""

import itertools
import json
import math
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from analysis.documents import load
from analysis.errors import AnalysisError
from bench import git
from bench.errors import SweepError
from bench.grid import Cell
from bench.history.fill import read_commits
from bench.paths import ROOT
from bench.processes.children import child
from bench.run_file import write_atomically

API_VERSION, RESULTS_VERSION = 2, 2
COLUMNS = ("result", "params", "version")
BRANCHES = ("main", "origin/main")  # a clone may have no main of its own
AXES = ("model", "phase", "hidden_size")
PEAK = "peak_allocated_bytes"
BENCHMARKS = {  # asv's name -> (what it shows, unit)
    "step_time": ("Time of a time step (B = 32, T = 100)", "seconds"),
    "peak_memory": ("Peak allocated memory of a call (B = 32, T = 100)", "bytes"),
}

Values = dict[str, dict[tuple, float]]


def publish(history: Path, site: Path, repository: Path = ROOT, told: Callable[[str], None] = print) -> int:
    """Writes asv's results beside the history and its site into `site`; how many commits it shows.

    A damaged file is left out, and `told` is told which.

    Raises:
        SweepError: no commit has results, or asv fails; its own message stands above.
        ResultsError: the history's list of commits is damaged, or a file cannot be written.
    """
    commits = {entry["commit"]: entry for entry in read_commits(history)}
    files = {digits: list(_files(history / digits, told)) for digits in commits}
    found = {digits: values for digits in commits if (values := _values(files[digits]))["step_time"]}
    if not found:
        raise SweepError(f"no commit in {history} has results, so there is nothing to publish")
    results = history / "asv"
    machine = files[list(found)[-1]][-1].machine
    write_atomically(results / machine["machine"] / "machine.json", json.dumps({**machine, "version": 1}))
    params = _params(found)
    write_atomically(results / "benchmarks.json", json.dumps(_benchmarks(params)))
    for digits, values in found.items():
        path = results / machine["machine"] / f"{digits[:8]}-history.json"
        write_atomically(path, json.dumps(_result(commits[digits], values, params, machine)))
    _publish(results, site, repository)
    return len(found)


@dataclass(frozen=True)
class _File:
    """A results file: (model, phase, hidden size), seconds a time step, peak in bytes or None; and its machine."""

    points: list[tuple[tuple, float, int | None]]
    machine: dict[str, str]


def _files(folder: Path, told: Callable[[str], None]) -> Iterator[_File]:
    for path in sorted(folder.rglob("*.json")):
        try:
            content = load(path)
            if isinstance(content, dict) and "benchmarks" in content:
                points = [_point(entry) for entry in content["benchmarks"]]
                yield _File(points, _machine(content.get("machine_info") or {}))
        except AnalysisError as error:
            told(f"left out, because it is damaged: {error}")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            told(f"left out, because it is damaged: {path} ({type(error).__name__}: {error})")


def _point(entry: Mapping) -> tuple[tuple, float, int | None]:
    cell, peak = Cell.from_id(entry["params"]["cell_id"]), entry["extra_info"].get(PEAK)
    seconds = statistics.median(entry["stats"]["data"])
    if not 0 < seconds < math.inf or not (peak is None or 0 <= peak < math.inf):
        raise ValueError(f"expected seconds above 0 and bytes, got {seconds} and {peak}")
    return (cell.variant, cell.phase, cell.hidden_size), seconds / cell.length, peak


def _values(files: Sequence[_File]) -> Values:
    """Medians over processes of seconds a time step, and the peak, by (model, phase, hidden size)."""
    times: dict[tuple, list[float]] = {}
    peaks: dict[tuple, list[float]] = {}
    for key, seconds, peak in (point for file in files for point in file.points):
        times.setdefault(key, []).append(seconds)
        if peak is not None:
            peaks.setdefault(key, []).append(peak)
    return {
        name: {key: statistics.median(values) for key, values in found.items()}
        for name, found in (("step_time", times), ("peak_memory", peaks))
    }


def _params(found: Mapping[str, Values]) -> list[list]:
    keys = [key for values in found.values() for key in values["step_time"]]
    return [sorted({key[axis] for key in keys}) for axis in range(len(AXES))]


def _benchmarks(params: list[list]) -> dict[str, object]:
    """asv's list of benchmarks; every parameter as the text of a Python literal."""
    listed = {
        f"history.{name}": {
            "name": f"history.{name}",
            "pretty_name": pretty,
            "unit": unit,
            "type": "track",
            "code": pretty,
            "version": name,
            "timeout": 0,
            "param_names": list(AXES),
            "params": [[repr(value) for value in axis] for axis in params],
        }
        for name, (pretty, unit) in BENCHMARKS.items()
    }
    return {**listed, "version": API_VERSION}


def _result(commit: Mapping, values: Values, params: list[list], machine: Mapping[str, str]) -> dict[str, object]:
    """One commit in asv's results format; what it does not have is null."""
    literals = [[repr(value) for value in axis] for axis in params]
    return {
        "commit_hash": commit["commit"],
        "env_name": "history",
        "date": round(1000 * datetime.fromisoformat(commit["time"]).timestamp()),
        "params": dict(machine),
        "python": machine["python"],
        "requirements": {"torch": machine["torch"]},
        "env_vars": {},
        "result_columns": list(COLUMNS),
        "results": {
            f"history.{name}": [[values[name].get(key) for key in itertools.product(*params)], literals, name]
            for name in BENCHMARKS
        },
        "durations": {},
        "version": RESULTS_VERSION,
    }


def _machine(info: Mapping) -> dict[str, str]:
    """What asv wants to know of the machine; its name is a folder's, so it is a plain word."""
    cpu = info.get("cpu") or {}
    return {
        "machine": re.sub(r"[^\w.-]+", "_", str(info.get("node", ""))).lstrip(".") or "unknown",
        "os": f"{info.get('system', '')} {info.get('release', '')}".strip(),
        "arch": str(info.get("machine", "")),
        "cpu": str(cpu.get("brand_raw", "")) if isinstance(cpu, dict) else str(cpu),
        "num_cpu": str(cpu.get("count", "")) if isinstance(cpu, dict) else "",
        "ram": "",
        "python": ".".join(str(info.get("python_version", "")).split(".")[:2]),
        "torch": str(info.get("torch", "")),
    }


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
        raise SweepError("asv could not publish the history; its own message stands above")
