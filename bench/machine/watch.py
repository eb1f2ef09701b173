"""Whether others keep this machine busy: processor time that is not ours, and whose it is.

Looked at for a short time, time stolen by a hypervisor included; a load average would still see what ended a
minute ago.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import psutil

SAMPLE_SECONDS = 0.5
QUIET = 0.25  # cores
PAUSE_SECONDS = 5.0
NAMED = 3
IDLE = {"idle", "iowait", "guest", "guest_nice"}  # a guest's time is counted as the user's too


@dataclass(frozen=True)
class Load:
    """Cores that others kept busy, and the busiest of them by name."""

    cores: float
    names: tuple[str, ...] = ()

    @property
    def busy(self) -> bool:
        return self.cores > QUIET

    @property
    def without_names(self) -> str:
        """A sentence that may be published."""
        return f"others keep {self.cores:.1f} cores busy"

    def __str__(self) -> str:
        return self.without_names + (f" ({', '.join(self.names)})" if self.names else "")


def load(system: ModuleType = psutil, sleep: Callable[[float], None] = time.sleep) -> Load:
    """Looks at the machine for half a second; one that shows nothing counts as quiet."""
    try:
        busy, before = _busy_seconds(system), _seconds_of_processes(system)
        sleep(SAMPLE_SECONDS)
        busy, after = _busy_seconds(system) - busy, _seconds_of_processes(system)
    except (OSError, psutil.Error):
        return Load(0.0)
    spent = {pid: seconds - before[pid][0] for pid, (seconds, _) in after.items() if pid in before}
    own = spent.pop(os.getpid(), 0.0)
    busiest = sorted((pid for pid, seconds in spent.items() if seconds > 0), key=spent.__getitem__, reverse=True)
    names = tuple(f"{_printable(after[pid][1])}, process {pid}" for pid in busiest[:NAMED])
    return Load(max(0.0, busy - own) / SAMPLE_SECONDS, names)


def _busy_seconds(system: ModuleType) -> float:
    """Seconds in which a core was not idle, over all cores, since the machine was started."""
    return sum(seconds for kind, seconds in system.cpu_times()._asdict().items() if kind not in IDLE)


def _seconds_of_processes(system: ModuleType) -> dict[int, tuple[float, str]]:
    """Each process's processor time and name, by its number; those that do not show it are left out."""
    found = (
        (one.pid, one.info["cpu_times"], one.info["name"]) for one in system.process_iter(["cpu_times", "name"])
    )
    return {pid: (times.user + times.system, name or "?") for pid, times, name in found if times is not None}


def _printable(name: str) -> str:
    """What a process calls itself may be any bytes; what cannot be shown is left out."""
    return "".join(filter(str.isprintable, name))


class Watch:
    """Looks at the machine before each pass: waits for others to end, `seconds` in all, then reports them.

    `log` is for whoever waits and names the others; `note` is kept and may be published, so it does not.
    `troubles` says what else is wrong with the machine, which is noted and not waited for.
    """

    def __init__(
        self,
        seconds: float,
        log: Callable[[str], None],
        note: Callable[[str], None],
        look: Callable[[], Load] = load,
        sleep: Callable[[float], None] = time.sleep,
        troubles: Callable[[], list[str]] = list,
    ) -> None:
        self._troubles = troubles
        self._left, self._log, self._note, self._look, self._sleep = seconds, log, note, look, sleep
        self._noted = False

    def __call__(self) -> None:
        """Returns once the machine is quiet, or the time to wait is used up."""
        for remark in self._troubles():
            self._note(remark)
        seen = self._look()
        if seen.busy and self._left > 0:
            self._log(f"waiting up to {self._left:.0f} s for a quiet machine: {seen}")
        while seen.busy and self._left > 0:
            self._sleep(PAUSE_SECONDS)
            self._left -= PAUSE_SECONDS
            seen = self._look()
        if seen.busy and not self._noted:
            self._noted = True
            self._note(f"the machine was busy while this was measured: {seen.without_names}")
