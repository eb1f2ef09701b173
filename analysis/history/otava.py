"""Change points by Apache Otava (E-divisive means, Matteson and James 2014; as in MongoDB's and Apache's CI).

Why a process: its pinned numpy and scipy are older than this suite's, so it lives in an environment of its own,
and series go in as CSV and change points come out as JSON. Its exit code says nothing of what it found.
Without an installed Otava nothing is found by it, and the page says so.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.documents import ListOf, MapOf, Record, check, parse, reason, whole
from analysis.errors import AnalysisError

OUTPUT = "Otava's output"
ANSWER = MapOf(ListOf(Record({"changes": ListOf(Record({"index": whole(1)}))})))
USUAL = Path(".otava", "bin", "otava")


def program() -> Path | None:
    """Where Otava is: in the environment that `make history` makes, or on the path; None where it is not."""
    found = USUAL.resolve() if USUAL.exists() else shutil.which("otava")
    return Path(found) if found else None


def change_points(otava: Path, series: Mapping[Any, Sequence[float]]) -> dict[Any, list[int]]:
    """Positions at which each series changes: the first point of every new level.

    Raises AnalysisError where Otava fails, with its last line.
    """
    with tempfile.TemporaryDirectory(prefix="otava-") as folder:
        names = {f"series_{number}": name for number, name in enumerate(series)}
        tests = {}
        for short, name in names.items():
            file = Path(folder, f"{short}.csv")
            times = pd.date_range("2000-01-01", periods=len(series[name]))  # Otava wants times, and none twice
            table = pd.DataFrame({"time": times, "value": series[name]})
            table.to_csv(file, index=False, date_format="%Y-%m-%dT%H:%M:%S+00:00")
            metrics = {"value": {"direction": -1, "column": "value"}}
            tests[short] = {"type": "csv", "file": str(file), "time_column": "time", "metrics": metrics}
        config = Path(folder, "otava.yaml")
        config.write_text(json.dumps({"tests": tests}))  # JSON is YAML
        command = [str(otava), "--config-file", str(config), "analyze", *names, "--output", "json"]
        try:
            environment = {"OTAVA_CONFIG": str(config), "PATH": ""}
            done = subprocess.run(command, env=environment, capture_output=True, check=False)
        except OSError as error:
            raise AnalysisError(f"{otava}: cannot be run ({reason(error)}).") from error
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
        raise AnalysisError(f"Otava failed: {lines[-1] if lines else f'exit code {done.returncode}'}")
    found: dict[Any, list[int]] = {}
    for line in done.stdout.splitlines():
        answer = parse(line, OUTPUT, of_a_line=True)
        check(answer, ANSWER, OUTPUT)
        for short, groups in answer.items():
            at = {change["index"] for group in groups for change in group["changes"]}
            if short not in names or (at and max(at) >= len(series[names[short]])):
                raise AnalysisError(f"{OUTPUT}: expected change points of the series asked for, got others.")
            found[names[short]] = sorted(at)
    return found
