"""Where a call's time goes on a CUDA device: each kernel's share of it, and the energy that a call takes.

The profiler says how long each kernel ran on the device. Between kernels the device waits for the host; what the
kernels leave of the call's own time, measured without the profiler, is that wait. Known weakness: the energy is
the whole GPU's, idle power included, by a counter that moves every tenth of a second or so.
"""

import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from bench.grid import Cell
from bench.meters import device_time
from bench.meters.energy import joules_a_call
from bench.meters.warm_up import warm_up
from bench.workloads import build, require_cuda

CALLS = 5  # under the profiler
SECONDS, ROUNDS = 0.2, 5


@dataclass(frozen=True)
class Part:
    """One kernel: how often a call launches it, and its seconds in all of those launches."""

    name: str
    launches: float
    seconds: float


@dataclass(frozen=True)
class Parts:
    """A cell's call, taken apart.

    Attributes:
        seconds: of a call, by events on the device, without the profiler.
        joules: of a call; None where nothing counts energy.
        parts: the kernels, the longest first.
    """

    cell: Cell
    seconds: float
    joules: float | None
    parts: tuple[Part, ...]

    @property
    def waiting(self) -> float:
        """Seconds of a call in which no kernel runs."""
        return max(0.0, self.seconds - sum(part.seconds for part in self.parts))


def take_apart(cell: Cell) -> Parts:
    """Builds the cell's work, warms it and measures it.

    Raises:
        RuntimeError: there is no CUDA device.
    """
    require_cuda()
    work = build(cell)
    warm = warm_up(work.run, seconds=SECONDS / 2).warm_call
    found = device_time.measure(work.enqueue, warm_call=warm, seconds=SECONDS, at_least=ROUNDS)
    seconds = statistics.median(found.samples)
    return Parts(cell, seconds, joules_a_call(work.enqueue, seconds, "cuda"), tuple(_kernels(work.run)))


def _kernels(run: Callable[[], object]) -> list[Part]:
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as recorded:
        for _ in range(CALLS):
            run()
    averages = [
        row for row in recorded.key_averages() if row.device_type == DeviceType.CUDA and not row.is_user_annotation
    ]
    parts = [Part(row.key, row.count / CALLS, row.self_device_time_total / CALLS / 1e6) for row in averages]
    return sorted(parts, key=lambda part: -part.seconds)


def lines(found: Parts, most: int = 12) -> Iterator[str]:
    """A table for people: microseconds a call of each kernel, with its share of the call."""
    energy = "energy not measured" if found.joules is None else f"{1e3 * found.joules:.2f} mJ a call"
    per_step = 1e6 * found.seconds / found.cell.length
    yield f"{found.cell.id}: {1e6 * found.seconds:,.1f} us a call, {per_step:.2f} us a time step, {energy}"
    shown, rest = found.parts[:most], found.parts[most:]
    rows = [(part.name, part.launches, part.seconds) for part in shown]
    if rest:
        name = f"{len(rest)} other kernels"
        rows.append((name, sum(part.launches for part in rest), sum(part.seconds for part in rest)))
    rows.append(("no kernel runs", math.nan, found.waiting))
    for name, launches, seconds in rows:
        count = "" if math.isnan(launches) else f"{launches:g} x"
        yield f"{1e6 * seconds:>12,.1f} us {seconds / found.seconds:>7.1%} {count:>8} {name[:90]}"
