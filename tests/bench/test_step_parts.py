"""A call on a CUDA device taken apart, on a device and with a profiler that are played."""

from types import SimpleNamespace

import pytest
import torch
from torch.autograd import DeviceType

from bench import device_limits, step_parts
from bench.commands import main
from bench.meters import gpu_state
from bench.meters.device_time import DeviceTime
from bench.meters.gpu_state import GpuState
from bench.step_parts import CALLS, Part, Parts, lines, take_apart
from tests.bench.cells import cell

CELL = cell("urnn:cuda", device="cuda", hidden_size=64, length=100, batch=2)


def averaged(name: str, count: int, us: float, **other: object) -> SimpleNamespace:
    usual = {"device_type": DeviceType.CUDA, "is_user_annotation": False}
    return SimpleNamespace(key=name, count=count, self_device_time_total=us, **usual | other)


ROWS = [
    averaged("urnn_forward", CALLS, 100.0 * CALLS),
    averaged("urnn_backward", 4 * CALLS, 300.0 * CALLS),
    averaged("Optimizer.step", CALLS, 1e6, is_user_annotation=True),
    averaged("aten::mm", CALLS, 1e6, device_type=DeviceType.CPU),
]


@pytest.fixture
def played(monkeypatch) -> SimpleNamespace:
    """A call of 500 us, whose kernels are `ROWS`; the GPU takes 200 W."""
    state = SimpleNamespace(calls=0, meter=True, waits=0)

    class Profile:
        def __init__(self, activities):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def key_averages(self):
            return ROWS

    def call():
        state.calls += 1

    def measure(enqueue, **asked):
        return DeviceTime((4e-4, 5e-4, 6e-4), 0.0, 1, 1, "", GpuState(), GpuState())

    for module in (step_parts, device_limits):
        monkeypatch.setattr(module, "require_cuda", lambda: None)
        monkeypatch.setattr(module, "warm_up", lambda run, seconds: SimpleNamespace(warm_call=5e-4))
        monkeypatch.setattr(module.device_time, "measure", measure)
    monkeypatch.setattr(step_parts, "build", lambda cell: SimpleNamespace(run=call, enqueue=call))
    monkeypatch.setattr(step_parts, "profile", Profile)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: setattr(state, "waits", state.waits + 1))
    monkeypatch.setattr(gpu_state, "energy_joules", lambda: 200 * 5e-4 * state.calls if state.meter else None)
    return state


def test_each_kernel_has_its_time_and_launches_a_call_and_the_longest_comes_first(played):
    found = take_apart(CELL)
    assert found.seconds == 5e-4
    assert found.parts == (
        Part("urnn_backward", 4.0, pytest.approx(3e-4)),
        Part("urnn_forward", 1.0, pytest.approx(1e-4)),
    )
    assert found.waiting == pytest.approx(1e-4)


def test_energy_is_that_of_a_call_over_half_a_second_of_calls(played):
    assert take_apart(CELL).joules == pytest.approx(0.1)
    assert played.calls == CALLS + 1000
    assert played.waits < 30


def test_where_nothing_counts_energy_none_is_stated(played):
    played.meter = False
    assert take_apart(CELL).joules is None
    assert "energy not measured" in next(lines(take_apart(CELL)))


def test_kernels_that_run_beside_each_other_leave_no_negative_wait():
    assert Parts(CELL, 1e-4, None, (Part("a", 1, 1e-4), Part("b", 1, 1e-4))).waiting == 0


def test_the_command_prints_a_table_for_each_cell_and_writes_it(played, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("bench.slices.require_memory", lambda cell: None)
    trained = cell("urnn:cuda", phase="train", device="cuda", hidden_size=64, length=100, batch=2)
    arguments = [
        "--models=urnn:cuda",
        "--phase=train",
        "--dtype=float32",
        "--task=copying",
        "--hidden=64",
        "--length=100",
        "--batch=2",
    ]
    assert main(["step-parts", *arguments, f"--output={tmp_path / 'parts.txt'}"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines() == [
        f"{trained.id}: 500.0 us a call, 5.00 us a time step, 100.00 mJ a call",
        "       300.0 us   60.0%      4 x urnn_backward",
        "       100.0 us   20.0%      1 x urnn_forward",
        "       100.0 us   20.0%          no kernel runs",
    ]
    assert (tmp_path / "parts.txt").read_text() == out


def test_many_kernels_are_cut_short_and_none_is_lost():
    many = tuple(Part(f"kernel {k}", 2, 1e-5) for k in range(15))
    *_, others, nothing = lines(Parts(CELL, 2e-4, 0.5, many), most=12)
    assert others.endswith("6 x 3 other kernels")
    assert "30.0 us" in others
    assert "50.0 us" in nothing


def test_the_limits_are_bytes_and_operations_over_the_median_time(played, monkeypatch):
    monkeypatch.setattr(device_limits, "COPIED", 4000)
    monkeypatch.setattr(device_limits, "SIDE", 10)
    real = torch.Generator
    monkeypatch.setattr(torch, "Generator", lambda device="cpu": real())
    randn = torch.randn
    monkeypatch.setattr(torch, "randn", lambda *size, device, **options: randn(*size, **options))
    found = device_limits.measure()
    assert found.copy_bytes_per_second == pytest.approx(8000 / 5e-4)
    assert found.product_flops == pytest.approx(2000 / 5e-4)


@pytest.mark.parametrize("command", ["cuda-facts", "cuda-plans"])
def test_a_command_for_gpus_alone_advises_no_option_that_it_lacks(without_gpu, capsys, command):
    assert main([command]) == 2
    assert capsys.readouterr().err == (
        "error: this needs a CUDA device and torch sees none here; "
        "install a CUDA build of torch on a machine with a GPU\n"
    )


@pytest.mark.parametrize("command", ["step-parts", "cuda-facts", "check-kernels"])
def test_without_a_gpu_the_commands_say_so_in_one_line(without_gpu, capsys, command):
    assert main([command]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "sees no" in error
