"""`pytest bench --benchmark-only`, as a person runs it, stores what the report reads."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bench import subjects
from bench.grid import get_profile
from bench.paths import ROOT
from tests.bench.cells import cell

pytestmark = pytest.mark.slow


def session(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "bench", "--benchmark-only", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("session")
    stored = folder / "stored.json"
    cells = [cell(), cell("urnn:reference"), cell("gru:torch"), cell(phase="stream", hidden_size=5)]
    (folder / "cells").write_text("\n".join(cell.id for cell in cells))
    selected = "not gru and (train or stream)"
    result = session(f"--cells={folder / 'cells'}", "-k", selected, f"--benchmark-json={stored}", "--pass=1")
    assert result.returncode == 0, result.stdout + result.stderr
    return SimpleNamespace(output=result.stdout, content=json.loads(stored.read_text()))


def test_a_slice_is_chosen_by_name(done):
    assert [entry["param"] for entry in done.content["benchmarks"]] == [
        "lstm:torch-train-copying-n4-T3-B2-cpu-float32",
        "urnn:reference-train-copying-n4-T3-B2-cpu-float32",
        "lstm:torch-stream-copying-n5-T1-B1-cpu-float32",
    ]
    assert "3 passed, 1 deselected" in done.output


def test_the_file_names_the_models(done):
    assert done.content["models"] == subjects.as_data()


def test_models_of_one_size_are_compared_in_one_group(done):
    assert [entry["group"] for entry in done.content["benchmarks"]] == [
        "train copying n=4 T=3 B=2 cpu float32",
        "train copying n=4 T=3 B=2 cpu float32",
        "stream copying n=5 T=1 B=1 cpu float32",
    ]
    assert "benchmark 'train copying n=4 T=3 B=2 cpu float32': 2 tests" in done.output


def test_a_figure_carries_all_that_readers_are_promised(done):
    info = done.content["benchmarks"][1]["extra_info"]
    first_call, peak = info.pop("first_call_seconds"), info.pop("peak_allocated_bytes")
    assert min(info.pop("operators"), info.pop("saved_for_backward_bytes")) > 0
    assert first_call > 0
    assert isinstance(peak, int)
    assert peak > 0
    assert info == {
        "model": "urnn",
        "label": "uRNN",
        "family": "unitary",
        "backend": "reference",
        "phase": "train",
        "task": "copying",
        "device": "cpu",
        "dtype": "float32",
        "hidden_size": 4,
        "length": 3,
        "batch": 2,
        "num_layers": 1,
        "state_size": 8,
        "parameters": 120,
        "pass": 1,
        "threads": 1,
        "allocator": "default",
        "units": {
            "stats": "seconds a call",
            "peak_allocated_bytes": "bytes",
            "saved_for_backward_bytes": "bytes",
            "operators": "a call",
        },
    }


def test_the_file_is_pytest_benchmarks_own_with_the_machines_facts(done):
    assert "run" not in done.content
    assert done.content["machine_info"].keys() >= {"memory_bytes", "gpu", "torch", "cuda", "instruction_set"}
    for entry in done.content["benchmarks"]:
        assert len(entry["stats"]["data"]) == entry["stats"]["rounds"] >= 3


def test_the_header_says_what_is_measured_and_how(done):
    assert "grid: 4 cells, 1 thread(s), default heap\n" in done.output


def test_without_a_file_the_profile_is_the_grid(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    result = session("--profile=ci", "--collect-only", "-q", "--threads=2")
    cells = get_profile("ci").cells()
    here = [cell for cell in cells if cell.device == "cpu"]
    collected = [line for line in result.stdout.splitlines() if line.startswith("bench/")]
    assert collected == [f"bench/test_step_time.py::test_step_time[{cell.id}]" for cell in here]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "-n 2",
            "pytest-xdist (-n, --tx) would time several cells at once, each disturbing the others, so nothing is "
            "measured; leave it out, or use -n0",
        ),
        ("--threads=1000000", "argument --threads: expected at most 1024, got '1000000'"),
        ("--cells=/nowhere/cells", "--cells: [Errno 2] No such file or directory: '/nowhere/cells'"),
    ],
    ids=["xdist", "threads", "cells"],
)
def test_what_cannot_be_measured_is_a_usage_error(options, message):
    result = session(*options.split())
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr + result.stdout
    assert "passed" not in result.stdout


def test_the_cells_of_an_absent_device_are_counted(without_gpu):
    from bench import conftest as grid

    options = {"cells": None, "profile": "ci"}
    lines = grid.pytest_report_header(SimpleNamespace(getoption=options.get))
    cells = get_profile("ci").cells()
    here = sum(cell.device == "cpu" for cell in cells)
    assert lines[0].startswith(f"grid: {here} cells, ")
    assert lines[1] == f"grid: {len(cells) - here} cells on cuda are not measured: torch sees no CUDA device here"
