"""The history as asv's site: results in asv's own format, and `asv publish` over them.

Why not `asv run` over the range: asv measures every commit with today's benchmarks, which the first commits' code
does not fit, and each commit here came with its own suite. The numbers are those of the history's folder.

Known weakness: a median a commit; asv's site knows nothing of the spread between processes.
"""

import itertools
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from bench.grid import Cell
from bench.history.fill import read_commits
from bench.store import write_atomically
from bench.worker import ROOT, SweepError

API_VERSION, RESULTS_VERSION = 2, 2
COLUMNS = ("result", "params", "version")
AXES = ("model", "phase", "hidden_size")
PEAK = "peak_allocated_bytes"
BENCHMARKS = {  # asv's name -> (what it shows, unit)
    "step_time": ("Time of a time step (B = 32, T = 100)", "seconds"),
    "peak_memory": ("Peak allocated memory of a call (B = 32, T = 100)", "bytes"),
}

Values = dict[str, dict[tuple, float]]


def publish(history: Path, site: Path, repository: Path = ROOT) -> int:
    """Writes asv's results beside the history and its site into `site`; how many commits it shows.

    Raises:
        SweepError: no commit has results, or asv fails; its own message stands above.
    """
    commits = {entry["commit"]: entry for entry in read_commits(history)}
    found = {digits: values for digits in commits if (values := _values(history / digits))["step_time"]}
    if not found:
        raise SweepError(f"no commit in {history} has results, so there is nothing to publish")
    results = history / "asv"
    machine = _machine(history, found)
    write_atomically(results / machine["machine"] / "machine.json", json.dumps({**machine, "version": 1}))
    params = _params(found)
    write_atomically(results / "benchmarks.json", json.dumps(_benchmarks(params)))
    for digits, values in found.items():
        path = results / machine["machine"] / f"{digits[:8]}-history.json"
        write_atomically(path, json.dumps(_result(commits[digits], values, params, machine)))
    _publish(results, site, repository)
    return len(found)


def _files(folder: Path) -> Iterator[dict]:
    for path in sorted(folder.rglob("*.json")):
        content = json.loads(path.read_text())
        if isinstance(content, dict) and "benchmarks" in content:
            yield content


def _values(folder: Path) -> Values:
    """Medians over processes of seconds a time step, and the peak, by (model, phase, hidden size)."""
    times: dict[tuple, list[float]] = {}
    peaks: dict[tuple, list[float]] = {}
    for content in _files(folder):
        for entry in content["benchmarks"]:
            cell = Cell.from_id(entry["params"]["cell_id"])
            key = (cell.variant, cell.phase, cell.hidden_size)
            times.setdefault(key, []).append(statistics.median(entry["stats"]["data"]) / cell.length)
            if entry["extra_info"].get(PEAK) is not None:
                peaks.setdefault(key, []).append(entry["extra_info"][PEAK])
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


def _machine(history: Path, found: Mapping[str, Values]) -> dict[str, str]:
    """What asv wants to know of the machine, from the newest results."""
    info = list(_files(history / list(found)[-1]))[-1]["machine_info"]
    cpu = info.get("cpu") or {}
    return {
        "machine": info["node"],
        "os": f"{info.get('system', '')} {info.get('release', '')}".strip(),
        "arch": info.get("machine", ""),
        "cpu": cpu.get("brand_raw", "") if isinstance(cpu, dict) else str(cpu),
        "num_cpu": str(cpu.get("count", "")) if isinstance(cpu, dict) else "",
        "ram": "",
        "python": ".".join(str(info.get("python_version", "")).split(".")[:2]),
        "torch": str(info.get("torch", "")),
    }


def _publish(results: Path, site: Path, repository: Path) -> None:
    """`asv publish` with the project's settings, these results and this site."""
    settings = json.loads((ROOT / "asv.conf.json").read_text())
    settings |= {"repo": str(repository), "results_dir": str(results), "html_dir": str(site)}
    config = results.with_name("asv.conf.json")  # not among the results, where asv would take it for one
    write_atomically(config, json.dumps(settings))
    command = [sys.executable, "-m", "asv", "publish", "--no-pull", "--config", str(config)]
    if subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise SweepError("asv could not publish the history; its own message stands above")
