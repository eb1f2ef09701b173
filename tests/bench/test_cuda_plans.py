"""The plans of the CUDA kernel beside each other, on a device that is simulated."""

import os
from types import SimpleNamespace

import pytest

from bench import cuda_plans
from bench.commands import main
from bench.meters.gpu_state import GpuState
from urnn.backends.cuda import launch as cuda_launch
from urnn.backends.cuda.plan import Device

# Seconds a call of 100 steps, by units a thread.
CALLS = {2: 300e-6, 4: 200e-6, 8: 100e-6}


@pytest.fixture
def played(monkeypatch) -> list[str]:
    """Workloads whose time depends on what the environment asks for; notes what was built."""
    built = []

    def build(cell):
        elements = int(os.environ["URNN_CUDA_ELEMENTS"])
        built.append(f"{cell.phase} {cell.hidden_size} {cell.batch} {elements}")
        call = CALLS[elements] * (1 if cell.phase == "forward" else 3)
        return SimpleNamespace(run=lambda: None, enqueue=lambda: call)

    def measure(enqueue, *, warm_call, seconds, at_least):
        remark = "the GPU throttled" if enqueue() == CALLS[2] else ""
        return cuda_plans.device_time.DeviceTime((enqueue(),) * 3, 0.0, 1, 1, remark, GpuState(), GpuState())

    monkeypatch.setattr(cuda_plans, "require_cuda", lambda: None)
    monkeypatch.setattr(cuda_plans, "build", build)
    monkeypatch.setattr(cuda_plans, "warm_up", lambda run, seconds: SimpleNamespace(warm_call=1e-3))
    monkeypatch.setattr(cuda_plans.device_time, "measure", measure)
    monkeypatch.setattr(cuda_launch, "device", lambda: Device(132, 227 * 1024))
    monkeypatch.delenv("URNN_CUDA_ELEMENTS", raising=False)
    return built


def test_every_plan_is_timed_in_both_phases(played):
    found = cuda_plans.compare(256, 128, 100)
    assert [plan.elements for plan in found] == [2, 4, 8]
    assert [plan.chosen for plan in found] == [False, True, False]
    assert found[2].step_times == {"forward": pytest.approx(1e-6), "train": pytest.approx(3e-6)}
    assert found[0].remark == "the GPU throttled"
    assert played == [f"{phase} 256 128 {n}" for n in (2, 4, 8) for phase in ("forward", "train")]
    assert "URNN_CUDA_ELEMENTS" not in os.environ


def test_what_the_environment_asked_for_before_stands_again(played, monkeypatch):
    monkeypatch.setenv("URNN_CUDA_ELEMENTS", "8")
    assert [plan.chosen for plan in cuda_plans.compare(256, 128, 100)] == [False, False, True]
    assert os.environ["URNN_CUDA_ELEMENTS"] == "8"


def test_the_command_prints_a_table_and_what_is_faster_than_the_chosen(played, capsys):
    assert main(["cuda-plans", "--hidden", "256", "--batch", "128", "--length", "100"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "    n     B  units  forward us  train us",
        "  256   128      2        3.00      9.00  the GPU throttled",
        "  256   128      4        2.00      6.00  chosen",
        "  256   128      8        1.00      3.00",
        "forward: 8 units a thread are 2.00 times as fast as those chosen",
        "train: 8 units a thread are 2.00 times as fast as those chosen",
    ]


def test_where_the_chosen_plan_is_the_fastest_no_more_is_said(played, monkeypatch, capsys):
    monkeypatch.setitem(CALLS, 4, 50e-6)
    assert main(["cuda-plans", "--hidden", "256", "--batch", "128", "--length", "100"]) == 0
    assert "as fast as" not in capsys.readouterr().out


def test_a_size_that_the_kernel_has_not_is_refused(played, capsys):
    assert main(["cuda-plans", "--hidden", "70"]) == 2
    assert "needs 4 to 4096 units, a product of 2, 3 and 5, got 70; the nearest" in capsys.readouterr().err
