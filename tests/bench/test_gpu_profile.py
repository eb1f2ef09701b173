"""The profile for a GPU: what is in it, and the one command that measures it, with and without a GPU."""

import json
import os
import subprocess
import sys

import pytest

from bench import asv_harness
from bench.commands import main
from bench.estimate import cell_seconds
from bench.grid import HIDDEN_SIZES, get_profile
from bench.kernel_check import Check
from bench.paths import ROOT

GPU = get_profile("gpu")
ABSENT = ("asv", "asv_runner", "beartype", "ruff", "virtualenv")  # a bare machine with a GPU has none


def test_it_takes_less_than_eight_minutes():
    assert GPU.passes * sum(cell_seconds(cell, GPU) for cell in GPU.cells()) < 7 * 60


def test_it_has_every_cell_that_the_bar_asks_for():
    cells = GPU.cells()
    assert {cell.device for cell in cells} == {"cuda"}

    def sizes(axis: str, **axes: object) -> set[int]:
        at = {"length": 512, "batch": 128, "task": "copying", "dtype": "float32"} | axes
        here = [c for c in cells if all(getattr(c, name) == value for name, value in at.items() if name != axis)]
        return {getattr(c, axis) for c in here}

    for phase in ("train", "forward"):
        for variant in (("urnn", "cuda"), ("lstm", "torch")):
            here = dict(zip(("model", "backend"), variant, strict=True)) | {"phase": phase}
            assert sizes("hidden_size", **here) == set(HIDDEN_SIZES)
            assert sizes("batch", **here, hidden_size=512) == {128, 132, 264, 528, 1056, 2112}
            assert sizes("length", **here, hidden_size=512) == {512, 2048}
        for dtype in ("bfloat16", "float16"):
            assert sizes("hidden_size", model="lstm", phase=phase, dtype=dtype) == set(HIDDEN_SIZES)
        for backend in ("reference", "reference+graph"):
            assert sizes("hidden_size", model="urnn", backend=backend, phase=phase) == {128, 512}
        assert sizes("hidden_size", model="lstm", backend="torch+graph", phase=phase) == {128, 512}
        assert sizes("hidden_size", model="ortho_matrix_exp", phase=phase) == set(HIDDEN_SIZES)
    assert sizes("hidden_size", model="urnn", backend="cuda", phase="train", task="pixels") == {512}


def test_without_a_gpu_it_says_so_in_one_line(without_gpu, capsys, tmp_path, processes):
    assert main(["run", "--profile", "gpu", f"--results={tmp_path}"]) == 2
    captured = capsys.readouterr()
    assert captured.err == (
        "error: profile 'gpu' needs a CUDA device and torch sees none here; measure another profile, "
        "or run this on a machine with a GPU and a CUDA build of torch\n"
    )
    assert captured.out == ""
    assert not list(tmp_path.iterdir())
    assert processes == []


@pytest.mark.parametrize("right", [True, False])
def test_kernels_are_checked_before_anything_is_timed(monkeypatch, tmp_path, capsys, right):
    monkeypatch.setattr("bench.workloads.torch.cuda.is_available", lambda: True)
    order = []
    found = Check("cpu", "cpu", 16, 12, 3, 1e-7 if right else 1.0, 1e-6, 2e-6, 3e-6)

    def checks(cells, settings, told):
        order.append("check")
        told(found.line())
        return [found]

    monkeypatch.setattr("bench.commands.run.run_checks", checks)
    monkeypatch.setattr("bench.lane.sweep.run", lambda jobs, *rest: order.append(f"time {len(jobs)}"))
    arguments = ["run", "--profile", "gpu", "--models", "lstm", "--phase", "train", f"--results={tmp_path}"]
    assert main(arguments) == (0 if right else 2)
    assert [word.split()[0] for word in order] == ["check", "time"]
    assert found.line() in capsys.readouterr().out


def test_asv_starts_its_processes_afresh_where_there_is_a_gpu(monkeypatch, tmp_path):
    commands = []
    (tmp_path / ".git").mkdir()
    (tmp_path / "asv.conf.json").write_text('{"results_dir": "results"}')
    monkeypatch.setattr(asv_harness, "ROOT", tmp_path)
    monkeypatch.setattr(asv_harness.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(asv_harness, "_asv", lambda arguments, *rest, **options: commands.append(arguments) or 0)
    for here in (True, False):
        monkeypatch.setattr(asv_harness.torch.cuda, "is_available", lambda here=here: here)
        commands.clear()
        asv_harness.run(GPU, threads=1, existing=False, log=lambda line: None)
        assert all(("--launch-method=spawn" in arguments) is here for arguments in commands[1:])


def bare(folder, *arguments: str) -> subprocess.CompletedProcess:
    """A command on a machine that lacks the packages of `ABSENT`, in it and in every process it starts."""
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {ABSENT!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    environment = os.environ | {
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "CUDA_VISIBLE_DEVICES": "",
    }
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_bare_checkout_measures_and_reports(tmp_path):
    sizes = ("--hidden", "4,8", "--length", "3", "--batch", "2", "--device", "cpu")
    slice_ = ("--models", "lstm,urnn:reference", "--phase", "train", *sizes, "--passes", "1", "--profile", "ci")
    done = bare(tmp_path, "bench", "run", *slice_, f"--results={tmp_path / 'results'}")
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (tmp_path / "results").rglob("0001_*.json")
    entries = json.loads(file.read_text())["benchmarks"]
    assert {entry["extra_info"]["model"] for entry in entries} == {"lstm", "urnn"}
    done = bare(tmp_path, "analysis", "report", str(tmp_path / "results"), f"--output={tmp_path / 'report'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "report" / "index.html").is_file()
