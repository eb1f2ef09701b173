"""A kernel that is right passes, one that is wrong is found by its output or its gradient, and is not timed."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from bench import checked
from bench.checked import run_checks, without_wrong
from bench.grid import get_profile
from bench.kernel_check import STEPS, Check, check, main, sizes
from bench.lane.lane import Side
from bench.lane.settings import Settings
from bench.lane.sweep import plan
from bench.run_file import RunFile
from tests.bench.cells import cell
from urnn.backends import BACKENDS, reference
from urnn.backends.kernel_cache import BuildError

SETTINGS = Settings(get_profile("gpu"), 1, "kept")
SIZE = ("mine", "cpu", 16, 12, 3)
RIGHT = Check(*SIZE, 1e-7, 1e-6, 2e-6, 3e-6)


@pytest.fixture
def kernel(monkeypatch):
    """Puts a backend "mine" among the uRNN's: the reference, spoilt by a function of its states in float32."""

    def put(spoil) -> None:
        def run_sequence(*arguments, **options):
            states, last = reference.run_sequence(*arguments, **options)
            return (spoil(states) if states.dtype in (torch.float32, torch.complex64) else states), last

        mine = replace(BACKENDS["reference"], name="mine", run_sequence=run_sequence)
        monkeypatch.setitem(BACKENDS, "mine", mine)

    return put


@pytest.mark.slow
def test_a_kernel_that_rounds_as_the_reference_does_is_right(kernel):
    kernel(lambda states: states)
    found = check(*SIZE)
    assert found.right
    assert 0 < found.output_error <= found.allowed_output < 1e-4
    assert found.line().startswith("urnn:mine n=16 T=12 B=3: right, output off by ")
    assert found.line().endswith(" from float64")


def test_an_output_that_is_off_is_wrong(kernel):
    kernel(lambda states: states * 1.0001)
    found = check(*SIZE)
    assert not found.right
    assert found.output_error == pytest.approx(1e-4, rel=0.1)
    assert ": WRONG, output off by 1.0e-04 (allowed " in found.line()


def test_a_gradient_that_is_off_is_wrong_though_the_output_is_right(kernel):
    kernel(lambda states: states.detach() + 1.001 * (states - states.detach()))
    found = check(*SIZE)
    assert found.output_error <= found.allowed_output
    assert found.gradient_error > found.allowed_gradient
    assert not found.right


def test_nan_is_wrong(kernel):
    kernel(lambda states: states * float("nan"))
    assert not check(*SIZE).right


def test_a_kernel_that_does_not_run_is_wrong_and_says_why(kernel):
    def refuse(states):
        raise RuntimeError("no kernel image\nis available")

    kernel(refuse)
    found = check(*SIZE)
    assert not found.right
    assert found.line() == (
        "urnn:mine n=16 T=12 B=3: wrong, it does not run: RuntimeError: no kernel image is available"
    )


def test_every_fused_urnn_of_the_cells_is_tried_once_a_size_and_once_at_the_longest_sequence():
    at = {"hidden_size": 64, "length": 512, "batch": 128}
    cells = [
        *(cell("urnn:cpu", phase=phase, **at) for phase in ("train", "forward")),
        cell("urnn:cpu", phase="train", **at | {"length": 2048}),
        cell("urnn:cpu", phase="stream", hidden_size=64),
        cell("urnn:reference", **at),
        cell("lstm:torch", **at),
    ]
    assert sizes(cells) == [
        ("cpu", "cpu", 64, STEPS, 128),
        ("cpu", "cpu", 64, 1, 1),
        ("cpu", "cpu", 64, 2048, 2),
    ]


def test_sizes_go_in_and_checks_come_out_a_line_each(kernel, monkeypatch, capsys):
    kernel(lambda states: states)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(read=lambda: json.dumps([SIZE, SIZE])))
    assert main() == 0
    assert [Check(**json.loads(line)).right for line in capsys.readouterr().out.splitlines()] == [True, True]


@pytest.fixture
def process(monkeypatch):
    """The checking process replaced by what it prints."""

    def put(stdout: str, stderr: str = "", code: int = 0) -> None:
        done = SimpleNamespace(stdout=stdout, stderr=stderr, returncode=code)
        monkeypatch.setattr(checked.children, "run", lambda *arguments, **options: done)

    return put


CELLS = [cell("urnn:cpu", hidden_size=n, length=512, batch=4) for n in (16, 32)]


def line_of(found: Check) -> str:
    return json.dumps(vars(found)) + "\n"


def test_each_check_is_told(process):
    wanted = sizes(CELLS)
    process("".join(line_of(replace(RIGHT, hidden_size=n)) for _, _, n, _, _ in wanted))
    told = []
    checks = run_checks(CELLS, SETTINGS, told.append)
    assert [found.line() for found in checks] == told
    assert len(told) == len(wanted) == 4


def test_a_process_that_dies_leaves_the_rest_wrong(process):
    process(line_of(RIGHT) + '{"backend": "m', "Traceback\ncudaErrorIllegalAddress\n", -6)
    checks = run_checks(CELLS, SETTINGS, lambda line: None)
    assert [found.right for found in checks] == [True, False, False, False]
    assert checks[1].failure == "the process that checked it ended with exit code -6 (cudaErrorIllegalAddress)"


def test_without_a_fused_kernel_there_is_nothing_to_check():
    told = []
    assert run_checks([cell("lstm:torch"), cell("urnn:reference")], SETTINGS, told.append) == []
    assert told == ["no fused uRNN kernel for these cells: nothing to check"]


def test_a_wrong_kernel_is_not_timed_at_that_size_and_the_others_are(tmp_path):
    run_file = RunFile.at(tmp_path / "run.json", {})
    cells = [*CELLS, cell("urnn:reference", hidden_size=16), cell("lstm:torch", hidden_size=16)]
    wrong = Check("cpu", "cpu", 16, 12, 3, 1.0, 1e-6, 2e-6, 3e-6)
    checks = [wrong, Check("cpu", "cpu", 32, 12, 3, 1e-7, 1e-6, 2e-6, 3e-6)]
    kept = without_wrong(plan(cells, 2), checks, Side(SETTINGS, run_file))
    assert {job.cell for job in kept} == set(cells[1:])
    run = run_file.content["run"]
    assert [(entry["cell"], entry["pass"], entry["outcome"]) for entry in run["outcomes"]] == [
        (CELLS[0].id, 1, "failed"),
        (CELLS[0].id, 2, "failed"),
    ]
    assert run["outcomes"][0]["message"] == f"not timed: {wrong.line()}"
    assert run["checks"][0]["output_error"] == 1.0
    without_wrong(plan(cells, 2), checks, Side(SETTINGS, run_file))
    assert len(run["outcomes"]) == 2  # the same command again stores nothing twice


def test_a_kernel_that_did_not_run_says_why_and_is_tried_again_by_the_next_run(tmp_path, monkeypatch):
    def no_compiler(dtype):
        raise BuildError("no C++ compiler (g++) was found")

    monkeypatch.setattr("urnn.backends.cpu.build.library", no_compiler)
    found = check("unknown", "cpu", 16, 12, 3)
    assert found.failure == "BuildError: no C++ compiler (g++) was found"
    run_file = RunFile.at(tmp_path / "run.json", {})
    checks = [replace(found, backend="cpu"), replace(RIGHT, backend="cpu", hidden_size=32)]
    jobs = plan(CELLS, 1)
    assert without_wrong(jobs, checks, Side(SETTINGS, run_file)) == jobs[1:]
    assert run_file.measured() == set()
    assert run_file.content["run"]["outcomes"][0]["message"] == f"not timed: {checks[0].line()}"
