"""The time that calls take on a CUDA device, by events around many of them, and again where it was disturbed.

A round has enough calls to be long compared with the gap between queueing and starting; the device is idle before
it. What the host needs to queue a call is measured as well: near the device's time, the call is bound by launches.
Known weakness: a device's queue has some thousand places, and a host that finds it full waits; then a call of many
launches looks bound by them while it is bound by its work. The same cell in a CUDA graph tells the two apart.
"""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from bench.meters.gpu_state import GpuState, disturbance, read_state
from bench.meters.warm_up import rounds_within

ROUND_SECONDS = 0.01  # a thousand times the gap between queueing and starting
MOST_CALLS = 100
TRIES = 3
REST_SECONDS = 0.5  # for the GPU to cool, or another process to end
LAUNCH_BOUND = 0.9  # the host's share of the device's time from which the launches are what limits


class Device(Protocol):
    """A device with a queue: marks in it, the seconds between two marks once they are passed, and waiting."""

    def mark(self) -> Any: ...

    def seconds(self, start: Any, end: Any) -> float: ...

    def wait(self) -> None: ...


class Cuda:
    """The current CUDA device and stream."""

    def mark(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def seconds(self, start: torch.cuda.Event, end: torch.cuda.Event) -> float:
        return start.elapsed_time(end) / 1e3

    def wait(self) -> None:
        torch.cuda.synchronize()


@dataclass(frozen=True)
class DeviceTime:
    """What was measured.

    Attributes:
        samples: seconds per call on the device, one for each round.
        enqueue_seconds: seconds that the host needs to queue a call, the median of the rounds.
        calls: calls per round.
        tries: how often all rounds were measured; only the last time counts.
        remark: what disturbed the last try too; empty if nothing did.
        before, after: the GPU's state when the last try began, and at its end, still at work.
    """

    samples: tuple[float, ...]
    enqueue_seconds: float
    calls: int
    tries: int
    remark: str
    before: GpuState
    after: GpuState

    @property
    def bound_by(self) -> str:
        """ "launches" where the host needs about as long as the device, else "work"."""
        return "launches" if self.enqueue_seconds >= LAUNCH_BOUND * statistics.median(self.samples) else "work"


def measure(
    enqueue: Callable[[], object],
    *,
    warm_call: float,
    seconds: float,
    at_least: int,
    device: Device | None = None,
    look: Callable[[], GpuState] = read_state,
    clock: Callable[[], float] = time.perf_counter,
    rest: Callable[[float], None] = time.sleep,
) -> DeviceTime:
    """Measures the warm call `enqueue`, which takes about `warm_call` seconds, for about `seconds`.

    A try that the GPU's state says was disturbed is thrown away and made again, after a rest; the last of `TRIES`
    is kept whatever happened, with a remark.
    """
    device = device or Cuda()
    calls = min(MOST_CALLS, max(1, math.ceil(ROUND_SECONDS / max(warm_call, 1e-9))))
    rounds = rounds_within(warm_call * calls, seconds=seconds, at_least=at_least)
    tries = 0
    while True:
        tries += 1
        before, start = look(), clock()
        samples, enqueued, after = _rounds(enqueue, calls, rounds, device, look, clock)
        remark = disturbance(before, after, clock() - start)
        if not remark or tries == TRIES:
            middle = statistics.median(enqueued)
            return DeviceTime(tuple(samples), middle, calls, tries, remark, before, after)
        rest(REST_SECONDS)


def _rounds(
    enqueue: Callable[[], object],
    calls: int,
    rounds: int,
    device: Device,
    look: Callable[[], GpuState],
    clock: Callable[[], float],
) -> tuple[list[float], list[float], GpuState]:
    """Seconds per call on the device and on the host, round by round, and the state while the last one runs."""
    samples, enqueued = [], []
    state = GpuState()
    for number in range(1, rounds + 1):
        device.wait()
        start, queueing = device.mark(), clock()
        for _ in range(calls):
            enqueue()
        queued, end = clock(), device.mark()
        if number == rounds:
            state = look()
        device.wait()
        samples.append(device.seconds(start, end) / calls)
        enqueued.append((queued - queueing) / calls)
    return samples, enqueued, state
