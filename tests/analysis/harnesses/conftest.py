"""Files of five benchmark tools: small ones that the tools wrote (nvbench's after its public examples)."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parent / "samples"


def sample(tool: str) -> Any:
    return json.loads((SAMPLES / f"{tool}.json").read_text())


def _pytest_benchmark(found: Any, factor: Callable[[str], float]) -> None:
    for one in found["benchmarks"]:
        by = factor(one["name"])
        one["stats"]["data"] = [by * value for value in one["stats"]["data"]]


def _google_benchmark(found: Any, factor: Callable[[str], float]) -> None:
    by = {one["run_name"]: factor(one["run_name"]) for one in found["benchmarks"]}
    for one in found["benchmarks"]:
        one["real_time"] *= by[one["run_name"]]


def _asv(found: Any, factor: Callable[[str], float]) -> None:
    for name, columns in found["results"].items():
        if "time_" in name and columns[0] is not None:
            columns[0] = [factor(name) * value for value in columns[0]]


def _nvbench(found: Any, factor: Callable[[str], float]) -> None:
    for state in found["benchmarks"][0]["states"]:
        for summary in state["summaries"] or ():
            if summary["tag"] == "nv/cold/time/gpu/mean":
                data = summary["data"][0]
                data["value"] = repr(float(data["value"]) * factor(state["name"]))


def _hyperfine(found: Any, factor: Callable[[str], float]) -> None:
    for one in found["results"]:
        by = factor(one["command"])
        one["times"] = [by * value for value in one["times"]]


SCALED = {
    "pytest_benchmark": _pytest_benchmark,
    "asv": _asv,
    "google_benchmark": _google_benchmark,
    "nvbench": _nvbench,
    "hyperfine": _hyperfine,
}
TOOLS = list(SCALED)


@pytest.fixture
def write(tmp_path):
    """Writes a file of a tool as its sample, changed in place by `change`."""

    def one(name: str, tool: str, change: Callable[[Any], None] = lambda found: None) -> Path:
        found = copy.deepcopy(sample(tool))
        change(found)
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(found))
        return path

    return one


@pytest.fixture
def processes(write):
    """Writes files of a tool, a process each, whose benchmarks differ by 0.5 % and are `slower` times as slow."""

    def several(tool: str, side: str, number: int, slower: float = 1.0, seed: int = 0, spread=0.005) -> list[Path]:
        at = random.Random(f"{side}{seed}")

        def change(found: Any) -> None:
            SCALED[tool](found, lambda _: slower * math.exp(at.gauss(0.0, spread)))

        return [write(f"{side}{count}", tool, change) for count in range(number)]

    return several
