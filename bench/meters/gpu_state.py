"""What state the GPU is in: clocks, temperature, why it slowed down, who else computes on it.

Through NVML's Python package where it is installed, else through `nvidia-smi`; without either, unknown. Known
weaknesses: `nvidia-smi` takes a tenth of a second a look; in a container it may not show the processes of others.
"""

import csv
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import torch

from analysis.vocabulary import counted

# Bits of the reasons for reduced clocks. Idleness and clocks that someone set are no disturbance of a measurement.
THROTTLING = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
FIELDS = ("clocks.sm", "clocks.mem", "temperature.gpu", "power.draw")
REASONS = (
    "clocks_event_reasons.active",
    "clocks_throttle_reasons.active",
)  # newer and older drivers


@dataclass(frozen=True)
class GpuState:
    """One look; None is 'not known'.

    Attributes:
        sm_mhz, memory_mhz: clocks.
        temperature_c, power_w: degrees Celsius, watts.
        reasons: bits of why clocks are reduced at this moment, see `THROTTLING`.
        reduced_s: seconds in which power or heat has reduced the clocks, counted since the driver was loaded.
        processes: processes that compute on the GPU, this one among them.
    """

    sm_mhz: float | None = None
    memory_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    reasons: int | None = None
    reduced_s: float | None = None
    processes: int | None = None

    def as_dict(self) -> dict[str, float | int | None]:
        return asdict(self)


def read_state() -> GpuState:
    """The state of the current CUDA device; all unknown where nothing tells it. It never raises."""
    device = uuid()
    return _from_nvml(device) or _from_nvidia_smi(device) or GpuState()


def energy_joules() -> float | None:
    """Joules that the current CUDA device has taken since the driver was loaded; None where nothing counts."""
    nvml, device = _nvml(), uuid()
    if nvml is None:
        return None
    try:
        return float(nvml.nvmlDeviceGetTotalEnergyConsumption(_handle(nvml, device))) / 1e3
    except Exception:  # not supported by this driver or GPU: unknown
        return None


def driver_version() -> str | None:
    """The version of NVIDIA's driver; None where nothing tells it."""
    nvml = _nvml()
    try:
        found = nvml.nvmlSystemGetDriverVersion() if nvml is not None else None
    except Exception:  # not supported by this driver: unknown
        found = None
    if found is None:
        rows = _nvidia_smi("--query-gpu=driver_version", uuid())
        found = rows[0][0] if rows and rows[0] else None
    return found.decode() if isinstance(found, bytes) else found


def disturbance(before: GpuState, after: GpuState, seconds: float, *, own: int = 1) -> str:
    """What kept a measurement of so many seconds from being a fair one, in words; empty if nothing is known.

    `after` should be read while the device still has work: an idle one shows no reason to slow down, and then only
    the time for which the clocks were reduced tells.

    Args:
        own: processes of ours on the GPU when both states were read.
    """
    found = []
    names = [name for bit, name in THROTTLING.items() if (after.reasons or 0) & bit]
    if names:
        found.append(f"the GPU throttled ({', '.join(names)})")
    elif before.reduced_s is not None and after.reduced_s is not None:
        reduced = after.reduced_s - before.reduced_s
        if reduced > 0.01 * seconds:
            found.append(f"the GPU throttled for {1e3 * reduced:.0f} ms")
    others = max(before.processes or 0, after.processes or 0) - own
    if others > 0:
        found.append(f"the GPU was busy with {counted(others, 'other process')}")
    return "; ".join(found)


def uuid() -> str | None:
    """The current CUDA device's own number, as NVML writes it; None where torch does not say."""
    try:
        return f"GPU-{torch.cuda.get_device_properties(torch.cuda.current_device()).uuid}"
    except (AssertionError, AttributeError, RuntimeError):
        return None


@cache
def _nvml() -> Any | None:
    """NVML's package, started; None where it or its library is missing."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # whatever a foreign package does at its start, measuring goes on without it
        return None
    return pynvml


def _from_nvml(device: str | None) -> GpuState | None:
    nvml = _nvml()
    if nvml is None:
        return None

    def ask(question: Callable[[], float], scale: float = 1.0) -> float | None:
        try:
            return question() * scale
        except Exception:  # not supported by this driver or GPU: unknown, as the dataclass says
            return None

    try:
        handle = _handle(nvml, device)
    except Exception:
        return None
    reduced = [
        ask(lambda policy=policy: nvml.nvmlDeviceGetViolationStatus(handle, policy).violationTime, 1e-9)
        for policy in (nvml.NVML_PERF_POLICY_POWER, nvml.NVML_PERF_POLICY_THERMAL)
    ]
    reasons = ask(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))
    return GpuState(
        sm_mhz=ask(lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
        memory_mhz=ask(lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM)),
        temperature_c=ask(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
        power_w=ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle), 1e-3),
        reasons=None if reasons is None else int(reasons),
        reduced_s=None if None in reduced else sum(reduced),
        processes=_whole(ask(lambda: len(nvml.nvmlDeviceGetComputeRunningProcesses(handle)))),
    )


def _handle(nvml: Any, device: str | None) -> Any:
    return nvml.nvmlDeviceGetHandleByUUID(device) if device else nvml.nvmlDeviceGetHandleByIndex(0)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _from_nvidia_smi(device: str | None) -> GpuState | None:
    for reason in REASONS:
        lines = _nvidia_smi(f"--query-gpu={','.join((*FIELDS, reason))}", device)
        if lines and len(lines[0]) == len(FIELDS) + 1:
            break
    else:
        return None
    *numbers, reasons = lines[0]
    processes = _nvidia_smi("--query-compute-apps=pid", device)
    return GpuState(
        *(_number(text) for text in numbers),
        reasons=_bits(reasons),
        processes=None if processes is None else sum(row[0].isdigit() for row in processes if row),
    )


def _nvidia_smi(query: str, device: str | None) -> Sequence[Sequence[str]] | None:
    """The answer's rows; None where the tool is absent, refuses the query or hangs."""
    command = ["nvidia-smi", query, "--format=csv,noheader,nounits", f"--id={device or 0}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return [[cell.strip() for cell in row] for row in csv.reader(done.stdout.splitlines())]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None  # '[N/A]'


def _bits(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None
