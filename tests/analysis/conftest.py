"""Small hand-made measurements in both file formats, and frames made of them.

Known weakness: every file here is written by hand from the contract; that the harnesses write the same is shown by
the runs on real results.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.pages.writing import Report
from analysis.report.page import write_report
from analysis.results import Results
from analysis.results.registry import Registry
from analysis.schema import tidy_frame
from tests.analysis.drawn_once import drawn_once

LABELS = {
    "urnn": ("uRNN", "unitary", "reference"),
    "lstm": ("nn.LSTM", "gated", "torch"),
    "gru": ("nn.GRU", "gated", "torch"),
    "urnn_ladder": ("uRNN ladder", "ladder", "op_by_op"),
    "lstm_ladder": ("LSTM ladder", "ladder", "naive"),
    "ceiling": ("Ceiling", "ceiling", "fourier"),
}


def make_row(model: str = "urnn", value: float | None = 1.0, **changes: Any) -> dict[str, Any]:
    """One row of the tidy frame with everything filled in."""
    label, family, backend = LABELS.get(model, (model, "", "torch"))
    row = {
        "source": "pytest-benchmark",
        "file": "a.json",
        "machine": "box",
        "cpu": "a processor",
        "cores": 2,
        "memory_bytes": 2**34,
        "os": "Linux 6",
        "commit": "a" * 40,
        "commit_time": "2026-01-01T00:00:00+00:00",
        "measured_at": "2026-01-02T00:00:00+00:00",
        "dirty": False,
        "python": "3.11",
        "torch": "2.13.0",
        "threads": 1,
        "allocator": "kept",
        "model": model,
        "backend": backend,
        "label": label,
        "family": family,
        "phase": "train",
        "task": "copying",
        "device": "cpu",
        "dtype": "float32",
        "hidden_size": 64,
        "length": 100,
        "batch": 32,
        "num_layers": 1,
        "metric": "step_time",
        "unit": "s per time step",
        "statistic": "sample",
        "pass": 1,
        "round": 1,
        "outcome": "measured",
        "value": value,
    }
    row |= changes
    row = Registry().way(row["model"], row["backend"]) | row
    row.setdefault("state_size", (2 if model == "urnn" else 1) * row["hidden_size"])
    row.setdefault("parameters", row["hidden_size"] * (30 if model == "urnn" else row["hidden_size"]))
    return row


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    return make_row


def make_curve(
    model: str, values: dict[int, float | list[float]], over: str = "hidden_size", **changes: Any
) -> list[dict[str, Any]]:
    """Rows of one model over sizes; a list of values becomes rounds of one process."""
    return [
        make_row(model, value, **({over: size, "round": number} | changes))
        for size, rounds in values.items()
        for number, value in enumerate(rounds if isinstance(rounds, list) else [rounds], start=1)
    ]


@pytest.fixture
def curve() -> Callable[..., list[dict[str, Any]]]:
    return make_curve


@pytest.fixture(scope="session")
def small_frame() -> pd.DataFrame:
    """uRNN, LSTM and GRU: times that cross at n = 256, memory that never does, cells out of memory."""
    sizes = (64, 128, 256, 512)
    rows: list[dict[str, Any]] = []
    for length in (50, 100):
        for phase in ("train", "forward"):
            at = {"phase": phase, "length": length}
            rows += make_curve("urnn", {n: [2e-4, 2e-4, 2e-4] for n in sizes}, **at)
            rows += make_curve("lstm", {n: [2e-4 * (n / 256)] * 3 for n in sizes}, **at)
            rows += make_curve("gru", {n: [1e-4 * (n / 256)] * 3 for n in sizes[:3]}, **at)
            gone = {"outcome": "out of memory", "message": "3.2 GiB were asked for."}
            rows.append(make_row("gru", None, hidden_size=512, **at, **gone))
            memory = {"metric": "peak_allocated", "unit": "B"}
            rows += make_curve("urnn", {n: float(4096 * n) for n in sizes}, **at, **memory)
            rows += make_curve("lstm", {n: float(1024 * n) for n in sizes}, **at, **memory)
    return tidy_frame(rows)


def noisy(value: float) -> list[float]:
    """Five rounds around a time, 4 % apart."""
    return [value * change for change in (0.98, 0.99, 1.0, 1.01, 1.02)]


def make_ladder(model: str, times: dict[str, float | None], **changes: Any) -> list[dict[str, Any]]:
    """Rows of one ladder at one place: seconds a time step for each rung, None where it does not apply."""
    at = {"length": 100, "hidden_size": 128, "batch": 16} | changes
    rows = []
    for rung, value in times.items():
        gone = {"outcome": "not applicable", "message": "Streams are for CUDA."} if value is None else {}
        for number, sample in enumerate([None] if value is None else noisy(value), start=1):
            rows.append(make_row(model, sample, backend=rung, round=number, **(at | gone)))
    return rows


@pytest.fixture
def ladder() -> Callable[..., list[dict[str, Any]]]:
    return make_ladder


URNN_GAINS = {
    "op_by_op": 1.0,
    "real_pairs": 1.5,
    "materialised": 6.0,
    "hoisted_input": 7.0,
    "fused_step": 14.0,
    "whole_sequence": 41.0,
}
LSTM_GAINS = {
    "naive": 1.0,
    "grouped_gates": 2.1,
    "fused_pointwise": 2.6,
    "transposed_weights": 0.94,
    "batched_input": 3.3,
    "batched_weight_gradient": 3.4,
    "nn_lstm": 4.4,
}


@pytest.fixture(scope="session")
def full_frame(small_frame: pd.DataFrame) -> pd.DataFrame:
    """The small frame with both ladders, at three sizes with one and four layers, and both ceilings.

    Of the uRNN's ladder the wavefront has no value with one layer, and no rung at the largest size but one; the
    LSTM's has no streams. The kernel took 12 s to build.
    """
    rows: list[dict[str, Any]] = []
    for (n, batch), layers, phase in product(((64, 1), (128, 16), (512, 64)), (1, 4), ("train", "forward")):
        at = {"hidden_size": n, "batch": batch, "num_layers": layers, "phase": phase}
        first = 1e-6 * n * batch**0.5 * layers * (3 if phase == "train" else 1)
        less = 1.4 if phase == "forward" else 1.0
        urnn = {rung: first / gain**less for rung, gain in URNN_GAINS.items()}
        urnn |= {"wavefront": first / 60} if layers > 1 else {}
        if (n, layers, phase) == (512, 4, "train"):
            urnn.pop("materialised")
        rows += make_ladder("urnn_ladder", urnn, **at)
        lstm: dict[str, float | None] = {rung: first / gain**less for rung, gain in LSTM_GAINS.items()}
        rows += make_ladder("lstm_ladder", lstm | {"streams": None}, **at)
    for n in (64, 128, 256, 512):
        rows += make_curve("urnn", {n: noisy(1e-8 * n)}, backend="cpu", phase="forward")
        at = {"phase": "forward", "batch": 32}
        rows += make_curve("ceiling", {n: noisy(7e-9 * n)}, **at)
        rows += make_curve("ceiling", {n: noisy(4e-10 * n)}, backend="memory", **at)
    rows += Registry().absent_rungs(rows)
    built = tidy_frame([row | {"kernel_build_seconds": 12.0} for row in rows])
    return pd.concat([small_frame, built], ignore_index=True)


@pytest.fixture(scope="session")
def full_report(full_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The full frame's report, written."""
    return drawn_once("full", partial(write_report, Results(full_frame)), tmp_path_factory.getbasetemp())


def make_entry(**info: Any) -> dict[str, Any]:
    """One benchmark of a pytest-benchmark file."""
    extra = {
        "model": "urnn",
        "label": "uRNN",
        "family": "unitary",
        "backend": "reference",
        "phase": "train",
        "task": "copying",
        "device": "cpu",
        "dtype": "float32",
        "hidden_size": 64,
        "length": 100,
        "batch": 32,
        "state_size": 128,
        "parameters": 3000,
        "pass": 2,
        "threads": 1,
        "allocator": "kept",
        "first_call_seconds": 0.5,
        "peak_allocated_bytes": 4096,
    } | info
    return {
        "name": "test_step_time[x]",
        "extra_info": extra,
        "stats": {"median": 0.02, "q1": 0.01, "q3": 0.04, "rounds": 9, "data": [0.01, 0.02, 0.03]},
    }


@pytest.fixture
def entry() -> Callable[..., dict[str, Any]]:
    return make_entry


@pytest.fixture
def benchmark_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a pytest-benchmark file; keywords replace top-level keys, None drops them."""

    def write(benchmarks: list[dict[str, Any]], name: str = "results/box/0001_run.json", **changes: Any) -> Path:
        document = {
            "machine_info": {
                "node": "box",
                "system": "Linux",
                "release": "6.1",
                "python_version": "3.11.7",
                "cpu": {"brand_raw": "a processor", "count": 2},
                "memory_bytes": 2**34,
                "gpu": None,
                "torch": "2.13.0+cpu",
            },
            "commit_info": {"id": "a" * 40, "time": "2026-01-01T02:00:00+02:00", "dirty": False},
            "datetime": "2026-01-02T00:00:00+00:00",
            "version": "5.3.1",
            "run": {
                "format": 1,
                "profile": "quick",
                "threads": 1,
                "allocator": "kept",
                "planned": 1,
                "outcomes": [],
            },
            "benchmarks": benchmarks,
        } | changes
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))
        return path

    return write


ASV_COLUMNS = (
    "result params version started_at duration stats_ci_99_a stats_ci_99_b stats_q_25 stats_q_75 stats_number "
    "stats_repeat samples profile"
)


@pytest.fixture
def asv_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes an asv results file of version 2 with the given benchmarks, as asv's columns."""

    def write(results: dict[str, list[Any]], **changes: Any) -> Path:
        document = {
            "commit_hash": "a" * 40,
            "env_name": "virtualenv-py3.11",
            "date": 1767225600000,
            "params": {
                "machine": "box",
                "cpu": "a processor",
                "num_cpu": "2",
                "os": "Linux 6.1",
                "ram": str(2**34),
            },
            "python": "3.11",
            "requirements": {"torch": "2.13.0"},
            "env_vars": {"OMP_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": "17179869184"},
            "result_columns": ASV_COLUMNS.split(),
            "results": results,
            "durations": {},
            "version": 2,
        } | changes
        path = tmp_path / "asv" / "box" / "aaaaaaaa-virtualenv-py3.11.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
        return path

    return write
