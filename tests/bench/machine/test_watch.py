"""Whether others are busy, on a made-up system, and how long a run waits for them, on a made-up clock."""

import os
from collections import namedtuple
from types import SimpleNamespace

import psutil
import pytest

from bench.machine.watch import PAUSE_SECONDS, QUIET, SAMPLE_SECONDS, Load, Watch, load

OWN = os.getpid()
Times = namedtuple(
    "Times", ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
)


class System:
    """In the place of psutil: busy seconds of all cores, and of processes by number."""

    def __init__(self, busy: float, processes: dict[int, float | None]) -> None:
        self.busy, self.processes, self.names = busy, processes, {}

    def cpu_times(self) -> Times:
        return Times(self.busy - 5, 1, 1, 1000, 50, 1, 1, 1, 9, 9)

    def process_iter(self, attributes: list[str]):
        assert attributes == ["cpu_times", "name"]
        for pid, seconds in self.processes.items():
            times = None if seconds is None else SimpleNamespace(user=seconds - 1, system=1.0)
            yield SimpleNamespace(pid=pid, info={"cpu_times": times, "name": self.names.get(pid, f"name{pid}")})


def seen(busy: float, before: dict, after: dict, **names: str) -> Load:
    """The load where all cores were busy for so many seconds."""
    system = System(100, before)
    system.names = {int(pid.removeprefix("p")): name for pid, name in names.items()}

    def later(seconds: float) -> None:
        assert seconds == SAMPLE_SECONDS
        system.busy, system.processes = 100 + busy, after

    return load(system, later)


def test_what_others_used_is_counted_and_named_and_ours_is_not():
    span = SAMPLE_SECONDS
    found = seen(2 * span, {1: 10, 2: 10, OWN: 10}, {1: 10 + span / 4, 2: 10 + span / 2, OWN: 10 + span / 2})
    assert found.cores == pytest.approx(1.5)
    assert found.names == ("name2, process 2", "name1, process 1")
    assert found.busy
    assert str(found) == "others keep 1.5 cores busy (name2, process 2, name1, process 1)"


def test_processes_that_begin_end_or_show_nothing_are_counted_and_not_named():
    found = seen(SAMPLE_SECONDS, {1: 10, 2: None}, {2: None, 3: 20})
    assert found == Load(pytest.approx(1.0))


def test_a_process_whose_name_is_no_text_is_named_by_what_can_be_shown():
    assert seen(1, {7: 10}, {7: 11}, p7="a\udcff\x1b[2Jb\n").names == ("a[2Jb, process 7",)
    assert seen(1, {7: 10}, {7: 11}, p7="").names == ("?, process 7",)


def test_a_quiet_machine_is_quiet_and_a_process_of_before_is_no_load():
    found = seen(0, {7: 10}, {7: 10})
    assert found == Load(0.0)
    assert not found.busy


@pytest.mark.parametrize("error", [PermissionError(), FileNotFoundError(), psutil.AccessDenied()])
def test_a_machine_that_shows_nothing_counts_as_quiet(error):
    system = System(0, {})

    def refuse():
        raise error

    system.cpu_times = refuse
    assert load(system, lambda seconds: None) == Load(0.0)


def test_the_real_machine_answers():
    found = load(sleep=lambda seconds: None)
    assert found.cores >= 0


class TestWatch:
    def run(self, loads: list[float], seconds: float, passes: int = 1) -> tuple[list[str], list[str], list[float]]:
        logged, notes, slept = [], [], []
        remaining = iter(loads)
        watch = Watch(seconds, logged.append, notes.append, lambda: Load(next(remaining)), slept.append)
        for _ in range(passes):
            watch()
        assert list(remaining) == []
        return logged, notes, slept

    def test_a_quiet_machine_is_not_waited_for(self):
        assert self.run([QUIET], 60) == ([], [], [])

    def test_it_waits_until_others_have_ended_and_says_so(self):
        logged, notes, slept = self.run([1.0, 1.0, 0.0], 60)
        assert logged == ["waiting up to 60 s for a quiet machine: others keep 1.0 cores busy"]
        assert notes == []
        assert slept == [PAUSE_SECONDS] * 2

    def test_it_gives_up_goes_on_and_notes_it_once(self):
        logged, notes, slept = self.run([2.0] * 3 + [1.5], 2 * PAUSE_SECONDS, passes=2)
        assert len(logged) == 1
        assert notes == ["the machine was busy while this was measured: others keep 2.0 cores busy"]
        assert slept == [PAUSE_SECONDS] * 2

    def test_the_log_names_the_others_and_the_note_does_not(self):
        logged, notes = [], []
        Watch(1, logged.append, notes.append, lambda: Load(1.0, ("make, process 7",)), lambda seconds: None)()
        assert logged == ["waiting up to 1 s for a quiet machine: others keep 1.0 cores busy (make, process 7)"]
        assert notes == ["the machine was busy while this was measured: others keep 1.0 cores busy"]
