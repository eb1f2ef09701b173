"""Whether others keep this machine busy: processor time that is not ours, and whose it is.

Read from /proc over a short time, time stolen by a hypervisor included; a load average would still see what ended
a minute ago. Known weakness: Linux alone; elsewhere the machine counts as quiet.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.5
QUIET = 0.25  # cores
PAUSE_SECONDS = 5.0
NAMED = 3


@dataclass(frozen=True)
class Load:
    """Cores that others kept busy, and the busiest of them by name."""

    cores: float
    names: tuple[str, ...] = ()

    @property
    def busy(self) -> bool:
        return self.cores > QUIET

    def __str__(self) -> str:
        names = f" ({', '.join(self.names)})" if self.names else ""
        return f"others keep {self.cores:.1f} cores busy{names}"


def load(proc: Path = Path("/proc"), sleep: Callable[[float], None] = time.sleep) -> Load:
    """Looks at the machine for half a second."""
    try:
        busy, processes = _busy_ticks(proc), _process_ticks(proc)
    except OSError:  # it is not there, or not for this process to read
        return Load(0.0)
    ticks = os.sysconf("SC_CLK_TCK")
    sleep(SAMPLE_SECONDS)
    spent = {name: value - processes.get(name, value) for name, value in _process_ticks(proc).items()}
    own = spent.pop(f"{os.getpid()}", 0)
    cores = max(0, _busy_ticks(proc) - busy - own) / ticks / SAMPLE_SECONDS
    busiest = sorted((pid for pid, value in spent.items() if value > 0), key=spent.get, reverse=True)
    return Load(cores, tuple(_name(proc, pid) for pid in busiest[:NAMED]))


def _busy_ticks(proc: Path) -> int:
    """Ticks in which a core was not idle, of user, nice, system, idle, iowait, irq, softirq and steal."""
    fields = [int(field) for field in (proc / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4]


def _process_ticks(proc: Path) -> dict[str, int]:
    """Ticks of user and system time of each process by its number."""
    found = {}
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        found[folder.name] = int(fields[11]) + int(fields[12])
    return found


def _name(proc: Path, pid: str) -> str:
    """What a process calls itself, which may be any bytes; what cannot be shown is left out."""
    try:
        name = (proc / pid / "comm").read_text(errors="replace").strip()
    except OSError:
        return f"process {pid}, which has ended"
    return f"{''.join(filter(str.isprintable, name))}, process {pid}"


class Watch:
    """Looks at the machine before each round: waits for others to end, `seconds` in all, then reports them.

    `troubles` says what else is wrong with it, which is noted and not waited for.
    """

    def __init__(
        self,
        seconds: float,
        told: Callable[[str], None],
        note: Callable[[str], None],
        look: Callable[[], Load] = load,
        sleep: Callable[[float], None] = time.sleep,
        troubles: Callable[[], list[str]] = list,
    ) -> None:
        self._troubles = troubles
        self._left, self._told, self._note, self._look, self._sleep = seconds, told, note, look, sleep
        self._noted = False

    def __call__(self) -> None:
        """Returns once the machine is quiet, or the time to wait is used up."""
        for remark in self._troubles():
            self._note(remark)
        seen = self._look()
        if seen.busy and self._left > 0:
            self._told(f"waiting up to {self._left:.0f} s for a quiet machine: {seen}")
        while seen.busy and self._left > 0:
            self._sleep(PAUSE_SECONDS)
            self._left -= PAUSE_SECONDS
            seen = self._look()
        if seen.busy and not self._noted:
            self._noted = True
            self._note(f"the machine was busy while this was measured: {seen}")
