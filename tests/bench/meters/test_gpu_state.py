"""The GPU's state as nvidia-smi and NVML tell it, and what of it disturbs a measurement."""

import subprocess
from types import SimpleNamespace

import pytest

from bench.meters import gpu_state
from bench.meters.gpu_state import GpuState, disturbance, read_state


@pytest.fixture(autouse=True)
def _no_nvml(monkeypatch):
    monkeypatch.setattr(gpu_state, "_nvml", lambda: None)
    monkeypatch.setattr(gpu_state, "uuid", lambda: "GPU-1234")


@pytest.fixture
def smi(monkeypatch):
    """nvidia-smi replaced: answers by a part of the query, an exception is raised; its commands."""
    state = SimpleNamespace(answers={}, commands=[])

    def run(command, **options):
        state.commands.append(command)
        key = next(name for name in state.answers if name in command[1])
        answer = state.answers[key]
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(stdout=answer)

    monkeypatch.setattr(gpu_state.subprocess, "run", run)
    return state


def test_nvidia_smis_answer_is_read(smi):
    smi.answers = {
        "clocks_event_reasons": "1980, 3201, 41, 118.25, 0x0000000000000004\n",
        "compute-apps": "4711\n4712\n",
    }
    assert read_state() == GpuState(1980.0, 3201.0, 41.0, 118.25, reasons=4, processes=2)
    assert all(command[-1] == "--id=GPU-1234" for command in smi.commands)


def test_an_older_drivers_name_of_the_reasons_is_tried(smi):
    refused = subprocess.CalledProcessError(2, "nvidia-smi")
    smi.answers = {
        "clocks_event_reasons": refused,
        "clocks_throttle_reasons": "1410, 1215, 30, 60, 0x0000000000000001\n",
        "compute-apps": "",
    }
    assert read_state() == GpuState(1410.0, 1215.0, 30.0, 60.0, reasons=1, processes=0)


def test_what_it_does_not_support_is_unknown(smi):
    smi.answers = {"clocks_event": "[N/A], 3201, 41, [Not Supported], [N/A]\n", "compute-apps": "[N/A]\n"}
    assert read_state() == GpuState(None, 3201.0, 41.0, None, None, processes=0)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no devices were found\n",
        "a, b\n",
        FileNotFoundError("nvidia-smi"),
        PermissionError("nvidia-smi"),
        subprocess.TimeoutExpired("nvidia-smi", 10),
        subprocess.CalledProcessError(9, "nvidia-smi"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
)
def test_without_an_answer_that_can_be_read_everything_is_unknown(smi, answer):
    smi.answers = {"query": answer}
    assert read_state() == GpuState()


def test_of_processes_alone_nothing_may_be_known(smi):
    smi.answers = {
        "clocks_event": "1980, 3201, 41, 118, 0x0\n",
        "compute-apps": subprocess.CalledProcessError(2, "nvidia-smi"),
    }
    assert read_state().processes is None


class Nvml:
    """NVML's package, of which some questions fail."""

    NVML_PERF_POLICY_POWER, NVML_PERF_POLICY_THERMAL, NVML_CLOCK_SM, NVML_CLOCK_MEM = 0, 1, 1, 2
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, **failing: bool) -> None:
        self.failing = failing

    def __getattr__(self, name: str):
        def answer(handle, *which):
            if self.failing.get(name):
                raise RuntimeError("Not Supported")
            return {
                "nvmlDeviceGetHandleByUUID": "handle",
                "nvmlDeviceGetClockInfo": {(1,): 1980, (2,): 3201}.get(which),
                "nvmlDeviceGetTemperature": 41,
                "nvmlDeviceGetPowerUsage": 118_250,
                "nvmlDeviceGetCurrentClocksThrottleReasons": 4,
                "nvmlDeviceGetComputeRunningProcesses": [1, 2],
                "nvmlDeviceGetViolationStatus": SimpleNamespace(violationTime=2_000_000_000),
                "nvmlDeviceGetTotalEnergyConsumption": 7_500,
            }[name]

        return answer


def test_nvml_is_asked_first(monkeypatch, smi):
    monkeypatch.setattr(gpu_state, "_nvml", Nvml)
    assert read_state() == GpuState(1980, 3201, 41, pytest.approx(118.25), 4, pytest.approx(4.0), 2)
    assert smi.commands == []


def test_what_nvml_does_not_support_is_unknown(monkeypatch):
    monkeypatch.setattr(gpu_state, "_nvml", lambda: Nvml(nvmlDeviceGetViolationStatus=True))
    assert read_state().reduced_s is None
    assert read_state().reasons == 4


def test_a_device_that_nvml_does_not_find_is_asked_of_nvidia_smi(monkeypatch, smi):
    monkeypatch.setattr(gpu_state, "_nvml", lambda: Nvml(nvmlDeviceGetHandleByUUID=True))
    smi.answers = {"clocks_event": "1980, 3201, 41, 118, 0x0\n", "compute-apps": "1\n"}
    assert read_state().sm_mhz == 1980


def test_energy_is_in_joules_and_unknown_where_nothing_counts_it(monkeypatch):
    assert gpu_state.energy_joules() is None
    monkeypatch.setattr(gpu_state, "_nvml", Nvml)
    assert gpu_state.energy_joules() == 7.5
    monkeypatch.setattr(gpu_state, "_nvml", lambda: Nvml(nvmlDeviceGetTotalEnergyConsumption=True))
    assert gpu_state.energy_joules() is None


CALM = GpuState(reasons=0, reduced_s=10.0, processes=1)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (CALM, CALM, ""),
        (GpuState(), GpuState(), ""),
        (CALM, GpuState(reasons=0x1 | 0x2 | 0x100), ""),  # idle, clocks set by someone, a display
        (CALM, GpuState(reasons=0x24), "the GPU throttled (power cap, software thermal slowdown)"),
        (GpuState(reasons=0x40), CALM, ""),  # it had cooled before the end
        (CALM, GpuState(reduced_s=10.005), ""),  # half a per cent of the second measured
        (CALM, GpuState(reduced_s=10.25), "the GPU throttled for 250 ms"),
        (CALM, GpuState(processes=2), "the GPU was busy with 1 other process"),
        (GpuState(processes=4), CALM, "the GPU was busy with 3 other processes"),
        (
            CALM,
            GpuState(reasons=0x80, processes=2),
            "the GPU throttled (power brake); the GPU was busy with 1 other process",
        ),
    ],
)
def test_what_disturbs_a_measurement(before, after, words):
    assert disturbance(before, after, seconds=1.0) == words


@pytest.mark.parametrize(("own", "words"), [(0, "the GPU was busy with 1 other process"), (1, ""), (2, "")])
def test_our_own_processes_are_no_others(own, words):
    assert disturbance(CALM, CALM, seconds=1.0, own=own) == words
