"""Hand-made histories: commits whose levels are known, written as the suite writes results."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from analysis.vocabulary import COMMITS_FILE, FAILURE_FILE
from tests.analysis.conftest import make_entry

PROCESSES = 3
NOISE = 0.004


def digits(number: int) -> str:
    """The forty digits of a made-up commit."""
    return f"{number:02d}" * 20


def write_history(
    folder: Path,
    ours: list[float | None],
    reference: float = 8e-3,
    drift: list[float] | None = None,
    peaks: list[int] | None = None,
    machine: str = "box",
) -> Path:
    """A commit for each of `ours`: the kernel's seconds a call, None where there is no kernel yet.

    `drift` multiplies every time of a commit, the sentinel's too; `peaks` are the kernel's bytes.
    """
    random = np.random.default_rng(0)
    commits = []
    for number, seconds in enumerate(ours):
        shared = drift[number] if drift else 1.0
        times = {"reference": reference, "torch": 4e-3, **({} if seconds is None else {"cpu": seconds})}
        benchmarks = []
        for backend, value in times.items():
            for at in range(1, PROCESSES + 1):
                model = "lstm" if backend == "torch" else "urnn"
                one = make_entry(model=model, backend=backend, phase="train", **{"pass": at})
                one["stats"]["data"] = [value * shared * math.exp(random.normal(0, NOISE))] * 3
                one["extra_info"]["peak_allocated_bytes"] = (
                    peaks[number] if peaks and backend == "cpu" else 3_000_000
                )
                benchmarks.append(one)
        time = f"2026-01-{number + 1:02d}T00:00:00+00:00"
        commits.append({"commit": digits(number), "time": time, "subject": f"Change {number} <b>"})
        document = {
            "machine_info": {"node": machine, "cpu": {"brand_raw": "a processor"}, "torch": "2.13.0"},
            "commit_info": {"id": digits(number), "time": time, "dirty": False},
            "datetime": time,
            "version": "5.3.1",
            "run": {"format": 1, "profile": "quick", "threads": 1, "allocator": "kept", "outcomes": []},
            "benchmarks": benchmarks,
        }
        path = folder / digits(number) / "box" / "0001_run.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(document))
    (folder / COMMITS_FILE).write_text(json.dumps(commits))
    return folder


def add_failed(folder: Path, number: int, why: str) -> None:
    """A commit that could not be measured."""
    (folder / digits(number)).mkdir()
    (folder / digits(number) / FAILURE_FILE).write_text(f"{why}\n")
    commits = json.loads((folder / COMMITS_FILE).read_text())
    entry = {"commit": digits(number), "time": "2025-12-31T00:00:00+00:00", "subject": "Before the suite"}
    (folder / COMMITS_FILE).write_text(json.dumps([entry, *commits]))


# The kernel comes with the fifth commit, is made faster by a tenth with the ninth and slower by 5 % with the
# thirteenth.
KERNEL = [None] * 4 + [2e-3] * 4 + [1.8e-3] * 4 + [1.89e-3] * 4


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A history with a kernel, with one commit that cannot be measured."""
    made = write_history(tmp_path_factory.mktemp("history"), KERNEL, peaks=[0] * 4 + [900] * 8 + [950] * 4)
    add_failed(made, 90, "No module named bench")
    return made
