"""Device time on a queue made by hand: what counts, what is thrown away, and what is said of it."""

from types import SimpleNamespace

import pytest

from bench.meters import device_time
from bench.meters.device_time import TRIES, measure
from bench.meters.gpu_state import GpuState

QUIET = GpuState(sm_mhz=1980.0, temperature_c=40.0, reasons=0, reduced_s=0.0, processes=1)
HOT = GpuState(sm_mhz=900.0, temperature_c=90.0, reasons=0x40, processes=1)
SHARED = GpuState(processes=3)


class Queue:
    """A device that needs `work` seconds a call and a host that needs `launch`, on one hand-moved clock."""

    def __init__(self, work: float, launch: float) -> None:
        self.work, self.launch = work, launch
        self.now = self.free = 0.0
        self.calls, self.waits, self.rests = 0, 0, []

    def clock(self) -> float:
        return self.now

    def enqueue(self) -> None:
        self.calls += 1
        self.now += self.launch
        self.free = max(self.free, self.now) + self.work

    def mark(self) -> float:
        return max(self.free, self.now)

    def seconds(self, start: float, end: float) -> float:
        return end - start

    def wait(self) -> None:
        self.waits += 1
        self.now = max(self.now, self.free)

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)


def measured(queue: Queue, states=(), **options):
    """The states are those of successive looks, two a try; quiet ones follow."""
    left = list(states)
    arguments = {"warm_call": max(queue.work, queue.launch), "seconds": 1.0, "at_least": 5} | options
    return measure(
        queue.enqueue,
        device=queue,
        look=lambda: left.pop(0) if left else QUIET,
        clock=queue.clock,
        rest=queue.rest,
        **arguments,
    )


def test_a_call_that_outlasts_its_launch_is_bound_by_its_work():
    found = measured(Queue(work=2e-3, launch=1e-5))
    assert found.samples == pytest.approx([2e-3] * len(found.samples), rel=0.01)
    assert found.enqueue_seconds == pytest.approx(1e-5)
    assert found.bound_by == "work"
    assert (found.tries, found.remark, found.before, found.after) == (1, "", QUIET, QUIET)


def test_a_call_that_waits_for_its_launches_is_bound_by_them():
    found = measured(Queue(work=1e-6, launch=1e-3))
    assert found.samples == pytest.approx([1e-3] * len(found.samples), rel=0.01)
    assert found.bound_by == "launches"


def test_short_calls_are_made_many_a_round_and_the_device_is_idle_before_each():
    queue = Queue(work=1e-4, launch=1e-6)
    found = measured(queue)
    assert found.calls == 100
    assert queue.calls == found.calls * len(found.samples)
    assert queue.waits == 2 * len(found.samples)
    assert queue.rests == []


def test_long_calls_are_rounds_of_their_own_and_never_fewer_than_asked():
    found = measured(Queue(work=3.0, launch=1e-3), at_least=4)
    assert (found.calls, len(found.samples)) == (1, 4)


@pytest.mark.parametrize("disturbed", [[QUIET, HOT], [SHARED, QUIET], [QUIET, SHARED]])
def test_a_disturbed_try_is_thrown_away_and_made_again_after_a_rest(disturbed):
    queue = Queue(work=1e-2, launch=1e-5)
    found = measured(queue, disturbed)
    assert (found.tries, found.remark, found.after) == (2, "", QUIET)
    assert queue.calls == 2 * found.calls * len(found.samples)
    assert queue.rests == [device_time.REST_SECONDS]


@pytest.mark.parametrize(
    ("state", "remark"),
    [
        (HOT, "the GPU throttled (hardware thermal slowdown)"),
        (SHARED, "the GPU was busy with 2 other processes"),
    ],
)
def test_what_is_disturbed_every_time_is_kept_with_a_remark(state, remark):
    queue = Queue(work=1e-2, launch=1e-5)
    found = measured(queue, [state] * 2 * TRIES)
    assert (found.tries, found.remark) == (TRIES, remark)
    assert len(queue.rests) == TRIES - 1
    assert found.samples


def test_the_state_is_read_while_the_last_round_still_runs():
    queue = Queue(work=1.0, launch=1e-3)
    left = []
    measure(
        queue.enqueue,
        warm_call=1.0,
        seconds=0.1,
        at_least=1,
        device=queue,
        look=lambda: left.append(queue.free - queue.now) or QUIET,
        clock=queue.clock,
    )
    assert left[0] == 0
    assert left[1] > 0.9


def test_an_error_of_the_call_ends_the_measurement():
    def enqueue() -> None:
        raise MemoryError("CUDA out of memory")

    with pytest.raises(MemoryError):
        measure(
            enqueue, warm_call=1, seconds=1, at_least=1, device=Queue(1, 1), look=lambda: QUIET, clock=lambda: 0.0
        )


def test_cudas_marks_are_timed_events_and_its_milliseconds_seconds(monkeypatch):
    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing
            self.recorded = False

        def record(self) -> None:
            self.recorded = True

        def elapsed_time(self, other: "Event") -> float:
            assert self.recorded
            assert other.recorded
            return 1500.0

    waits = []
    cuda = SimpleNamespace(Event=Event, synchronize=lambda: waits.append(1))
    monkeypatch.setattr(device_time.torch, "cuda", cuda)
    device = device_time.Cuda()
    assert device.seconds(device.mark(), device.mark()) == 1.5
    device.wait()
    assert waits == [1]
