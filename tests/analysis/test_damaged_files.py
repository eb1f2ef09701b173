"""Whatever is done to a file, what reads it gives a result or a sentence: never a traceback, never exit code 1.

Why: 428 of 6,697 damaged files once ended in a traceback. Every kind of file is damaged here in seeded ways, and
what a reader lets through goes on to what the commands make of it, up to the drawing.

`python -m tests.analysis.test_damaged_files CASES SEED` tries more cases than the suite does.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from analysis.calibration import rates, recording
from analysis.calibration.replay import simulate
from analysis.errors import AnalysisError
from analysis.experiments.logs import Logs
from analysis.experiments.logs import read as read_logs
from analysis.experiments.report import page_of as experiments_page
from analysis.experiments.study import Study
from analysis.history.changes import changes
from analysis.history.commits import History
from analysis.history.commits import read as read_history
from analysis.history.report import page_of as history_page
from analysis.pages.markdown import markdown as page_markdown
from analysis.regressions.comparison import Comparison, judge_folder
from analysis.regressions.files import compare
from analysis.regressions.outputs import document, markdown, show
from analysis.regressions.policy import Pace
from analysis.report.page import page_of
from analysis.results import Results, read
from tests.analysis.calibration.conftest import recording as make_recording
from tests.analysis.conftest import ASV_COLUMNS, make_entry
from tests.analysis.damage import cases
from tests.analysis.experiments.conftest import write_run
from tests.analysis.harnesses.conftest import SCALED, sample
from tests.analysis.history.conftest import write_history

CASES = 1300
AT = "-train-copying-n64-T100-B32-cpu-float32"
CELLS = [f"lstm:torch{AT}", f"urnn:reference{AT}"]


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def benchmarks(passes: int = 3, factor: float = 1.0, **changes: object) -> dict:
    """A pytest-benchmark file of the uRNN and nn.LSTM at one size, one process a pass."""
    entries = []
    for model, backend in (("urnn", "reference"), ("lstm", "torch")):
        for number in range(1, passes + 1):
            entry = make_entry(model=model, backend=backend, num_layers=1, **{"pass": number})
            entry["stats"]["data"] = [0.02 * factor, 0.021 * factor + 1e-5 * number]
            entries.append(entry)
    del entries[0]["stats"]["data"]
    cell = {key: entries[0]["extra_info"][key] for key in ("model", "backend", "phase", "task", "device", "dtype")}
    cell |= {"hidden_size": 512, "length": 100, "batch": 32, "pass": 1}
    check = {
        "backend": "cuda",
        "device": "cuda",
        "hidden_size": 64,
        "length": 10,
        "batch": 2,
        "output_error": 1e-7,
    }
    machine = {
        "node": "box",
        "cpu": {"brand_raw": "a processor", "count": 2},
        "memory_bytes": 2**34,
        "gpu": "a GPU",
        "compute_capability": "9.0",
        "multiprocessors": 132,
        "torch": "2.13.0",
    }
    return {
        "machine_info": machine,
        "commit_info": {"id": "a" * 40, "time": "2026-01-01T02:00:00+02:00", "dirty": False},
        "datetime": "2026-01-02T00:00:00+00:00",
        "benchmarks": entries,
        "run": {
            "format": 1,
            "threads": 1,
            "allocator": "kept",
            "kernel_build_seconds": 3.5,
            "outcomes": [{**cell, "outcome": "out of memory", "message": "3 GiB"}],
            "checks": [check, {**check, "output_error": None, "failure": "it does not run"}],
        },
    } | changes


def write_benchmarks(folder: Path) -> None:
    write(folder / "a" / "0001_run.json", benchmarks())
    write(folder / "models.json", {"urnn": {"label": "uRNN", "family": "unitary", "state_per_unit": 2}})


def write_asv(folder: Path) -> None:
    """Results with the machine, the parameters' names and the registry beside them."""
    params = [["'urnn:reference'", "'lstm:torch'"], ["'train'"], ["'cpu'"], ["64", "128"], ["100"], ["32"]]
    names = ["model", "phase", "device", "hidden_size", "length", "batch"]
    columns = {name: number for number, name in enumerate(ASV_COLUMNS.split())}
    times: list = [None] * len(columns)
    times[columns["result"]] = [0.01, 0.02, float("nan"), None]
    times[columns["params"]], times[columns["started_at"]] = params, 1767225600000
    times[columns["stats_q_25"]] = times[columns["stats_q_75"]] = [0.01, 0.02]
    times[columns["stats_repeat"]], times[columns["samples"]] = [3, 4], [[0.01, 0.011, 0.012]]
    results = {
        "step_time.Sweep.time_call": times,
        "memory.Sweep.track_peak_allocated_bytes": [[4096.0, 8192.0, 1.0, 0], params],
        "memory.Sweep.track_parameters": [[3000, 7000, 1.0, None], [params[0], params[3]]],
    }
    content = {
        "version": 2,
        "commit_hash": "a" * 40,
        "date": 1767225600000,
        "params": {"machine": "box", "cpu": "a processor", "num_cpu": "2", "ram": "17179869184", "os": "Linux"},
        "python": "3.11",
        "requirements": {"torch": "2.13.0"},
        "env_vars": {"OMP_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": "17179869184"},
        "result_columns": list(columns),
        "results": results,
    }
    write(folder / "box" / "aaaaaaaa.json", content)
    write(folder / "box" / "machine.json", {"machine": "box", "cpu": "a processor", "version": 1})
    listed = {
        name: {"param_names": names if "track_parameters" not in name else [names[0], names[3]]}
        for name in results
    }
    write(folder / "benchmarks.json", {**listed, "version": 2})
    write(folder / "models.json", {"urnn": {"label": "uRNN", "family": "unitary", "state_per_unit": 2}})


def read_results(folder: Path) -> Results:
    return read([folder])


def use_results(results: Results) -> None:
    results.frame.to_csv(index=False).encode()
    page_markdown(page_of(results, "A title")).encode()


def write_pair(folder: Path) -> None:
    write(folder / "old.json", benchmarks(4))
    write(folder / "new.json", benchmarks(4, 1.1))


def read_pair(folder: Path) -> Comparison:
    return compare([folder / "old.json"], [folder / "new.json"])


def tell(comparison: Comparison) -> None:
    """All that `compare` and `gate` print and write."""
    markdown(comparison).encode()
    document(comparison).encode()
    show(comparison, Console(file=io.StringIO(), soft_wrap=True))
    assert comparison.outcome.code in (0, 1, 2)


def write_foreign(folder: Path) -> None:
    """Three files a side of each tool."""
    for tool, change in SCALED.items():
        for number in range(6):
            found = sample(tool)
            change(found, lambda _, by=1 + 0.01 * number: by)
            write(folder / f"{tool}_{number}.json", found)


def read_foreign(folder: Path) -> list[Comparison]:
    return [
        compare(*([folder / f"{tool}_{number}.json" for number in side] for side in ((0, 1, 2), (3, 4, 5))))
        for tool in SCALED
    ]


def tell_all(comparisons: list[Comparison]) -> None:
    for comparison in comparisons:
        tell(comparison)


def write_gate(folder: Path) -> None:
    for name, factor in (("base", 1.0), ("head", 1.06), ("confirm_base", 1.0), ("confirm_head", 1.06)):
        write(folder / f"{name}.json", benchmarks(3, factor))
    counted = {side: {"counts": {CELLS[1]: 1_000_000}, "reason": ""} for side in ("base", "head")}
    plan = {
        "format": 1,
        "base": {"name": "aaaaaaaa", "subject": "Before"},
        "head": {"name": "bbbbbbbb", "subject": "After"},
        "cells": [*CELLS, f"gru:torch{AT}"],
        "absent": {"base": [f"gru:torch{AT}"], "head": []},
        "sentinel": "lstm:torch",
        "suspects": [CELLS[1]],
        "instructions": counted,
        "notes": ["the machine was busy"],
        "again": "python -m bench gate --base a --head b",
        "commands": {CELLS[1]: "python -m bench gate"},
    }
    write(folder / "gate.json", plan)


def read_gate(folder: Path) -> Comparison:
    return judge_folder(folder, Pace(4, 600.0, 300.0, 5.0))


def write_logs(folder: Path) -> None:
    looks = [{"kind": "anatomy", "iteration": 0, "t": [1, 2], **{name: [1.0, 0.5] for name in LOOKS}}]
    for seed in range(2):
        write_run(folder, [1.0, 0.02], [0.5, 1.0], "solved", looks=looks, seed=seed)
    bound = {"scored": "loss", "name": "mean squared error", "unit": "1", "threshold": 0.01, "better": "lower"}
    goal = {"bounds": [bound | {"baseline_share": None}], "ends_training": True}
    write_run(folder, [0.17, 0.2], [0.1, 0.1], "diverged", task="adding", model="lstm", goal=goal)


def write_tables(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as runs:
        write_logs(Path(runs))
        logs = read_logs(runs)
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("runs", "evaluations", "anatomy"):
        getattr(logs, part).to_csv(folder / f"{part}.csv", index=False, float_format="%.8g")


LOOKS = ("state_norm", "state_change", "gradient_norm")


def use_logs(logs: Logs) -> None:
    logs.runs.to_csv(index=False).encode()
    page_markdown(experiments_page(Study(logs))).encode()


def write_recordings(folder: Path) -> None:
    """A recording's folder and, beside it, the compact file of another one."""
    (folder / "compact").mkdir(parents=True)
    (folder / "compact" / "recording.json").write_text(recording.compact(make_recording(0.005, passes=8)))
    for side, factor in (("base", 1.0), ("same", 1.001), ("slow_5", 1.05)):
        write(folder / "whole" / f"{side}.json", benchmarks(8, factor))
    plan = {
        "format": 1,
        "commit": {"name": "aaaaaaaa", "subject": "A commit"},
        "cells": CELLS,
        "sentinel": "lstm:torch",
        "slowed": "urnn:reference",
        "slowdowns": {"slow_5": 0.05},
        "notes": [],
        "seconds": {str(number): 30.0 for number in range(1, 9)},
    }
    write(folder / "whole" / "calibration.json", plan)


def read_recordings(folder: Path) -> list[recording.Recording]:
    return [recording.read(path) for path in (folder / "compact" / "recording.json", folder / "whole")]


def use_recordings(recordings: list[recording.Recording]) -> None:
    for found in recordings:
        rates.spreads(found)
        random = np.random.default_rng(0)
        for side in found.slowdowns:
            rates.achieved(found, side)
            simulate(found, side, found.passes, random, seconds=5 * found.pair_seconds)
        recording.compact(found).encode()


def write_histories(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_history(folder, [None, 2e-3, 2e-3, 1.5e-3], peaks=[0, 900, 900, 950])


def use_history(found: History) -> None:
    page_markdown(history_page(found, changes(found.points), asked_otava=False, title="A title")).encode()


@dataclass(frozen=True)
class Kind:
    """How files of a kind are written, read and used, and the share of the suite's cases that they get."""

    write: Callable[[Path], None]
    read: Callable[[Path], Any]
    use: Callable[[Any], None]
    share: float


KINDS = {
    "pytest-benchmark": Kind(write_benchmarks, read_results, use_results, 0.43),
    "asv": Kind(write_asv, read_results, use_results, 0.36),
    "pair": Kind(write_pair, read_pair, tell, 0.01),
    "foreign": Kind(write_foreign, read_foreign, tell_all, 0.15),
    "gate": Kind(write_gate, read_gate, tell, 0.02),
    "logs": Kind(write_logs, read_logs, use_logs, 0.13),
    "tables": Kind(write_tables, read_logs, use_logs, 0.02),
    "recordings": Kind(write_recordings, read_recordings, use_recordings, 0.02),
    "history": Kind(write_histories, read_history, use_history, 0.01),
}


def failures(name: str, folder: Path, number: int, seed: int, every: int) -> tuple[list[str], Counter[str]]:
    """What went wrong, each with the damaged file that did it, and how many cases ended how.

    Each is read, and of those that can be read one in `every` is used: a report takes its time.
    """
    kind = KINDS[name]
    kind.write(folder)
    kind.use(kind.read(folder))
    found, ended = [], Counter()
    for path, data in cases(folder, number, seed):
        try:
            read = kind.read(folder)
            ended["left out" if getattr(read, "problems", ()) else "result"] += 1
            if (ended["left out"] + ended["result"]) % every == 0:
                kind.use(read)
        except AnalysisError as error:
            ended["sentence"] += 1
            if not str(error).isprintable():
                found.append(f"{name}: not one printable line: {error!r}")
        except Exception:
            ended["traceback"] += 1
            found.append(f"{name}: {path.name}: {data[:3000]!r}\n{traceback.format_exc()}")
    kind.use(kind.read(folder))
    return found, ended


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_damage_ends_in_a_traceback(kind, tmp_path):
    number = round(CASES * KINDS[kind].share)
    found, ended = failures(kind, tmp_path, number, seed=2015, every=150)
    assert not found, "\n\n".join(found[:3])
    assert ended.total() == number
    assert 0 < ended["result"] < number  # some damage is harmless, and most is not


if __name__ == "__main__":
    warnings.simplefilter("error")
    wanted, first = (int(text) for text in sys.argv[1:])
    for name in KINDS:
        with tempfile.TemporaryDirectory() as place:
            wrong, ends = failures(name, Path(place), wanted // len(KINDS), first, every=10)
        print(name, dict(ends), flush=True)
        print("\n\n".join(dict.fromkeys(wrong)))
