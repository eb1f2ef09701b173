"""Whether others are busy, on a made-up /proc, and how long a run waits for them, on a made-up clock."""

import os
from pathlib import Path

import pytest

from bench.machine.watch import PAUSE_SECONDS, QUIET, SAMPLE_SECONDS, Load, Watch, load

TICKS = os.sysconf("SC_CLK_TCK")
OWN = os.getpid()


def write(proc: Path, busy: int, **processes: int) -> None:
    """Busy ticks of all cores, and of each process by number."""
    idle = 1000
    proc.mkdir(exist_ok=True)
    (proc / "stat").write_text(f"cpu  {busy - 4} 1 1 {idle} 50 0 1 1 9 9\ncpu0 1 1 1 1\n")
    for pid, ticks in processes.items():
        folder = proc / pid.removeprefix("p")
        folder.mkdir(exist_ok=True)
        (folder / "stat").write_text(f"{folder.name} (a (b) c) S {' '.join(['0'] * 10)} {ticks - 1} 1 0 0")
        (folder / "comm").write_text(f"name{folder.name}\n")


def seen(proc: Path, before: dict, after: dict) -> Load:
    write(proc, **before)
    return load(proc, lambda seconds: write(proc, **after))


def test_what_others_used_is_counted_and_named_and_ours_is_not(tmp_path):
    span = int(SAMPLE_SECONDS * TICKS)
    own = f"p{OWN}"
    before = {"busy": 100, "p999998": 10, "p999999": 10, own: 10}
    after = {"busy": 100 + 2 * span, "p999998": 10 + span // 4, "p999999": 10 + span // 2, own: 10 + span // 2}
    found = seen(tmp_path / "proc", before, after)
    assert found.cores == pytest.approx(2 - (span // 2) / span)
    assert found.names == ("name999999, process 999999", "name999998, process 999998")
    assert found.busy
    assert str(found) == ("others keep 1.5 cores busy (name999999, process 999999, name999998, process 999998)")


def test_a_process_whose_name_is_no_text_is_named_by_what_can_be_shown(tmp_path):
    proc, ticks = tmp_path / "proc", {"p999999": 10}
    write(proc, 100, **ticks)

    def later(seconds: float) -> None:
        write(proc, 200, p999999=60)
        (proc / "999999" / "comm").write_bytes(b"a\xff\x1b[2Jb\n")
        (proc / "999999" / "stat").write_bytes(b"999999 (a\xff) S " + b"0 " * 10 + b"59 1 0 0")

    assert load(proc, later).names == ("a\ufffd[2Jb, process 999999",)


def test_a_quiet_machine_is_quiet_and_a_process_of_before_is_no_load(tmp_path):
    found = seen(tmp_path / "proc", {"busy": 100, "p999999": 10}, {"busy": 100, "p999999": 10})
    assert found == Load(0.0)
    assert not found.busy


def test_where_there_is_no_proc_the_machine_counts_as_quiet(tmp_path):
    assert load(tmp_path / "nowhere", lambda seconds: None) == Load(0.0)


class TestWatch:
    def run(self, loads: list[float], seconds: float, rounds: int = 1) -> tuple[list[str], list[str], list[float]]:
        told, notes, slept = [], [], []
        remaining = iter(loads)
        watch = Watch(seconds, told.append, notes.append, lambda: Load(next(remaining)), slept.append)
        for _ in range(rounds):
            watch()
        assert list(remaining) == []
        return told, notes, slept

    def test_a_quiet_machine_is_not_waited_for(self):
        assert self.run([QUIET], 60) == ([], [], [])

    def test_it_waits_until_others_have_ended_and_says_so(self):
        told, notes, slept = self.run([1.0, 1.0, 0.0], 60)
        assert told == ["waiting up to 60 s for a quiet machine: others keep 1.0 cores busy"]
        assert notes == []
        assert slept == [PAUSE_SECONDS] * 2

    def test_it_gives_up_goes_on_and_notes_it_once(self):
        told, notes, slept = self.run([2.0] * 3 + [1.5], 2 * PAUSE_SECONDS, rounds=2)
        assert len(told) == 1
        assert notes == ["the machine was busy while this was measured: others keep 2.0 cores busy"]
        assert slept == [PAUSE_SECONDS] * 2
