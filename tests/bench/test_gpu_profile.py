"""The profile for a GPU: what is in it, and the one command that measures it, with and without a GPU."""

import pytest

from bench import asv_harness
from bench.commands import main
from bench.estimate import cell_seconds
from bench.kernel_check import Check
from bench.machine.kind import this_machine
from bench.profiles import HIDDEN_SIZES, get_profile

GPU = get_profile("gpu")


def test_it_takes_less_than_eight_minutes():
    assert GPU.passes * sum(cell_seconds(cell, GPU) for cell in GPU.cells()) < 8 * 60


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
            assert sizes("hidden_size", **here, length=1024, batch=16) == {512, 768, 1024}  # FlashRNN's
        for dtype in ("bfloat16", "float16"):
            assert sizes("hidden_size", model="lstm", phase=phase, dtype=dtype) == set(HIDDEN_SIZES)
        assert sizes("hidden_size", model="urnn", phase=phase, dtype="bfloat16") == set(HIDDEN_SIZES)
        assert sizes("hidden_size", model="urnn", phase=phase, dtype="float16") == {128, 512, 2048}
        for backend in ("reference", "reference+graph"):
            assert sizes("hidden_size", model="urnn", backend=backend, phase=phase) == {128, 512}
        for dtype in ("float32", "bfloat16", "float16"):
            captured = sizes("hidden_size", model="lstm", backend="torch+graph", phase=phase, dtype=dtype)
            assert captured == {128, 512, 2048}
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
    this_machine()  # looked at once, before it is said to have a GPU
    monkeypatch.setattr("bench.workloads.torch.cuda.is_available", lambda: True)
    order = []
    found = Check("cpu", "cpu", 16, 12, 3, "float32", "paper", 10, 1e-7 if right else 1.0, 1e-6, 2e-6, 3e-6)

    def checks(wanted, settings, told):
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
