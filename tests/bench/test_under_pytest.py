"""`pytest bench --benchmark-only`, as a person runs it, stores what the report reads."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bench import conftest as grid
from bench import subjects
from bench.paths import ROOT
from bench.profiles import get_profile
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
    result = session(f"--cells={folder / 'cells'}", "-k", selected, f"--benchmark-json={stored}", "--pass=2")
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
    assert info.pop("first_call_seconds") > 0
    figures = {info.pop(name) for name in ("peak_allocated_bytes", "saved_for_backward_bytes", "operators")}
    assert figures == {None}, "they are the same in every pass, so the first alone measures them"
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
        "pass": 2,
        "threads": 1,
        "allocator": "default",
        "units": {
            "stats": "s per call",
            "peak_allocated_bytes": "B",
            "saved_for_backward_bytes": "B",
            "operators": "1 per call",
        },
    }


def test_the_file_is_pytest_benchmarks_own_with_the_machines_facts(done):
    assert "run" not in done.content
    assert done.content["machine_info"].keys() >= {"memory_bytes", "gpu", "torch", "cuda", "instruction_set"}
    for entry in done.content["benchmarks"]:
        assert len(entry["stats"]["data"]) == entry["stats"]["rounds"] >= get_profile("quick").rounds


def test_the_header_says_what_is_measured_and_how(done):
    assert "grid: 4 cells, 1 thread(s), default heap\n" in done.output


def configured(**options: object) -> SimpleNamespace:
    """pytest's configuration with these of the suite's options."""
    return SimpleNamespace(getoption={"cells": None, "profile": "ci", **options}.get)


def test_without_a_file_the_profile_is_the_grid(without_gpu):
    parametrized = []
    metafunc = SimpleNamespace(
        fixturenames=["cell_id"],
        config=configured(),
        parametrize=lambda name, values: parametrized.append((name, [value.id for value in values])),
    )
    grid.pytest_generate_tests(metafunc)
    here = [cell.id for cell in get_profile("ci").cells() if cell.device == "cpu"]
    assert parametrized == [("cell_id", here)]


@pytest.mark.parametrize("option", ["-n2", "--tx=2*popen"])
def test_several_processes_at_once_are_a_usage_error(option):
    with pytest.raises(pytest.UsageError) as caught:
        grid.pytest_configure(pytest.Config.fromdictargs({}, [option]))
    assert str(caught.value) == (
        "pytest-xdist (-n, --tx) would time several cells at once, each disturbing the others, so nothing is "
        "measured; leave it out, or use -n0"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"^--cells: \[Errno 2\] No such file or directory: '.*cells'$"),
        ("nonsense", r"^--cells: expected a cell such as .*, got 'nonsense'$"),
    ],
    ids=["no file", "no cell"],
)
def test_cells_that_cannot_be_read_are_a_usage_error(tmp_path, text, message):
    path = tmp_path / "cells"
    if text is not None:
        path.write_text(text)
    with pytest.raises(pytest.UsageError, match=message):
        grid.pytest_report_header(configured(cells=str(path)))


def test_numbers_are_checked_when_the_options_are_read(capsys):
    parser = pytest.Parser(_ispytest=True)
    grid.pytest_addoption(parser)
    with pytest.raises(pytest.UsageError, match=r"argument --threads: expected at most 1024, got '1000000'"):
        parser.parse(["--threads=1000000"])


def test_the_cells_of_an_absent_device_are_counted(without_gpu):
    lines = grid.pytest_report_header(configured())
    cells = get_profile("ci").cells()
    here = sum(cell.device == "cpu" for cell in cells)
    assert lines[0].startswith(f"grid: {here} cells, ")
    assert lines[1] == f"grid: {len(cells) - here} cells on cuda are not measured: torch sees no CUDA device here"
