"""Joules of a call, where the machine counts them: a processor's packages by RAPL, a CUDA device by NVML.

Why: of two calls that take equally long one may take half the energy. Linux shows RAPL's counters below
/sys/class/powercap, mostly to root alone, and few virtual machines have them; where nothing can be read the energy
is not measured.

Known weakness: a counter is of everything that runs on its package or device meanwhile, idle power included, so
that the figure is that of a call only on a machine with nothing else to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.meters import gpu_state

POWERCAP = Path("/sys/class/powercap")
PACKAGES = "intel-rapl:[0-9]*"  # AMD's, too; their parts are "intel-rapl:0:0"
# Many times the interval at which a counter moves: a millisecond, and up to a tenth of a second.
SECONDS = {"cpu": 0.1, "cuda": 0.5}
SYNCHRONISE_EVERY = 100  # calls; a queue without end would keep every call's memory


@dataclass(frozen=True)
class Package:
    """A counter of microjoules that begins again from 0 at its range."""

    folder: Path

    def read(self) -> int:
        """Microjoules since some moment."""
        return int((self.folder / "energy_uj").read_text())

    def since(self, before: int) -> int:
        """Microjoules since `read` gave that, if the counter has begun again once at most."""
        taken = self.read() - before
        return taken if taken >= 0 else taken + int((self.folder / "max_energy_range_uj").read_text())


def joules_of(work: Callable[[], object], device: str) -> float | None:
    """Joules of the machine's packages, or of the CUDA device, while `work` runs; None where nothing counts."""
    if device == "cuda":
        before = gpu_state.energy_joules()
        work()
        after = gpu_state.energy_joules()
        return None if before is None or after is None else after - before
    try:
        packages = [Package(folder) for folder in sorted(POWERCAP.glob(PACKAGES)) if ":" not in folder.name[11:]]
        counts = [package.read() for package in packages]
        work()
        taken = [package.since(before) for package, before in zip(packages, counts, strict=True)]
    except (OSError, ValueError):  # no such counter, or root's alone
        return None
    return sum(taken) / 1e6 if taken else None


def counts(device: str) -> bool:
    """Whether this machine counts the device's energy."""
    return joules_of(lambda: None, device) is not None


def joules_a_call(call: Callable[[], object], call_seconds: float, device: str) -> float | None:
    """Joules of one call, over calls back to back for a while; None where nothing counts.

    `call_seconds` is how long one takes. Nothing is called where there is no counter.
    """
    if not counts(device):
        return None
    calls = max(1, math.ceil(SECONDS[device] / call_seconds))

    def work() -> None:
        for number in range(calls):
            call()
            if device == "cuda" and number % SYNCHRONISE_EVERY == 0:
                torch.cuda.synchronize()
        if device == "cuda":
            torch.cuda.synchronize()

    if device == "cuda":
        torch.cuda.synchronize()
    found = joules_of(work, device)
    return None if found is None else found / calls
