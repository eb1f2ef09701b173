"""A sweep stores each cell as it ends, and what happens to one process or cell costs the others nothing.

Where `processes` are counted they are real, and what they run is `suite/pytest.py`, which measures nothing.
"""

import errno
import os
import select
import signal
import socket
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.vocabulary import duration
from bench.errors import ResultsError, SweepError
from bench.estimate import limit_seconds
from bench.lane import lane
from bench.lane.lane import Job, Side
from bench.lane.process import MeasuringProcess
from bench.lane.settings import Settings
from bench.lane.sweep import plan, run
from bench.processes.guard import descendants
from bench.profiles import PROFILES
from bench.run_file import RunFile
from tests.bench.cells import cell
from tests.bench.lane.played import SUITE, Machine

SETTINGS = Settings(PROFILES["quick"], 1, "kept")
PLAYED = replace(SETTINGS, root=SUITE)
CELLS = [cell(phase="forward", hidden_size=n) for n in (4, 5, 6)]


def file_in(folder: Path) -> RunFile:
    return RunFile.open(folder, "n", {}, fresh=False)


def side_in(folder: Path, settings: Settings = SETTINGS) -> Side:
    return Side(settings, file_in(folder))


def test_every_second_pass_goes_backwards(machine, tmp_path):
    a, b, c = (one.id for one in CELLS)
    assert plan(CELLS[:2], 2) == [Job(CELLS[0], 1), Job(CELLS[1], 1), Job(CELLS[0], 2), Job(CELLS[1], 2)]
    assert plan([], 2) == []
    ended: list[Job] = []
    run(plan(CELLS, 3), side_in(tmp_path), finished=lambda job, outcome: ended.append(job))
    assert machine.started == [[a, b, c], [c, b, a], [a, b, c]]
    assert [(job.cell.id, job.pass_number) for job in ended] == [
        (text, number) for number, texts in enumerate(machine.started, 1) for text in texts
    ]


def test_a_sweep_stores_the_commit_that_its_process_finds(machine, tmp_path):
    run(plan(CELLS, 1), side_in(tmp_path))
    assert file_in(tmp_path).content["commit_info"] == {"id": "what the process found"}


def stopped_and_killed_later(process: subprocess.Popen) -> None:
    """It gets its answer and dies without having read it."""
    measuring = descendants(process.pid)[0]
    os.kill(measuring, signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (measuring, signal.SIGKILL)).start()


def guard_killed(process: subprocess.Popen) -> None:
    """And with it, a moment later, the one that measures."""
    measuring = os.pidfd_open(descendants(process.pid)[0])
    process.send_signal(signal.SIGKILL)
    select.select([measuring], [], [])
    os.close(measuring)


def test_a_process_that_dies_takes_one_cell_with_it_and_the_rest_is_measured(tmp_path, processes):
    first, second, third, fourth = jobs = plan([*CELLS, cell(phase="forward", hidden_size=7)], 1)
    deaths = {
        first: stopped_and_killed_later,
        third: guard_killed,
        fourth: lambda process: os.kill(descendants(process.pid)[0], signal.SIGTERM),
    }
    seen = []
    run(
        jobs,
        side_in(tmp_path, PLAYED),
        lambda job: deaths.get(job, id)(processes[-1]),
        lambda job, outcome: seen.append((job, outcome)),
    )
    assert seen == [(first, "killed"), (second, "measured"), (third, "killed"), (fourth, "killed")]
    stored = file_in(tmp_path)
    assert stored.measured() == {(second.cell.id, 1)}, "who was killed is measured again by the next run"
    assert [entry["extra_info"]["hidden_size"] for entry in stored.content["benchmarks"]] == [5]
    outcomes = stored.content["run"]["outcomes"]
    by_kill = "the process that measured it ended with signal SIGKILL; most likely the machine ran out of memory"
    by_term = "the process that measured it ended with signal SIGTERM"
    assert [outcome["message"] for outcome in outcomes] == [by_kill, by_kill, by_term]
    assert {(outcome["outcome"], outcome["pass"], outcome["threads"]) for outcome in outcomes} == {
        ("killed", 1, 1)
    }
    assert len(processes) == 3


def test_the_allocator_is_stored_by_the_name_of_who_set_it(tmp_path, machine):
    """A checkout of an older commit, which says what it is, knows fewer names."""
    huge = Side(replace(PLAYED, allocator="huge"), file_in(tmp_path))
    run(plan(CELLS[:1], 1), huge)
    (entry,) = huge.run_file.content["benchmarks"]
    assert entry["extra_info"] == {"pass": 1, "allocator": "huge"}


def test_a_cell_that_hangs_is_stopped_and_the_rest_is_measured_by_another_process(tmp_path, machine):
    first, hung, third = jobs = plan(CELLS, 1)
    machine.hangs = {(SUITE.name, hung.cell.id)}
    seen = []
    run(jobs, side_in(tmp_path, PLAYED), finished=lambda job, outcome: seen.append((job, outcome)))
    assert seen == [(first, "measured"), (hung, "killed"), (third, "measured")]
    assert [len(cells) for cells in machine.started] == [3, 1]
    assert machine.running == 0
    (outcome,) = file_in(tmp_path).content["run"]["outcomes"]
    limit = limit_seconds(hung.cell, PLAYED.profile)
    assert outcome["message"] == (
        f"nothing came of it within {duration(limit)}, many times as long as expected; it was stopped"
    )
    assert machine.limits[:3] == [limit_seconds(first.cell, PLAYED.profile), None, limit]


def test_a_process_that_says_nothing_is_not_waited_for_longer_than_the_limit(tmp_path):
    here, there = socket.socketpair()
    with here, there:
        process = MeasuringProcess(None, here, tmp_path / "log")
        process.limit(0.01)
        with pytest.raises(TimeoutError):
            next(process.events())


def test_what_its_surroundings_made_fail_is_measured_by_the_next_run(tmp_path, machine):
    jobs = plan(CELLS[:2], 1)
    outcomes: list[str] = []

    def sweep() -> RunFile:
        run(jobs, side_in(tmp_path, PLAYED), finished=lambda job, outcome: outcomes.append(outcome))
        return file_in(tmp_path)

    machine.failures, machine.again = {(SUITE.name, CELLS[0].id)}, True
    first = sweep()
    (outcome,) = first.content["run"]["outcomes"]
    assert (outcome["outcome"], outcome["message"]) == ("failed", "ValueError: no")
    assert first.measured() == {(CELLS[1].id, 1)}
    machine.failures = set()
    second = sweep()
    assert second.content["run"]["outcomes"] == []
    assert second.measured() == {(job.cell.id, 1) for job in jobs}
    assert outcomes == ["failed", "measured", "measured"]


def test_an_interrupt_keeps_what_is_measured_ends_the_process_and_the_next_call_goes_on(
    tmp_path, processes, monkeypatch
):
    jobs = plan(CELLS, 1)

    def interrupted_after_the_first(job: Job, outcome: str) -> None:
        assert outcome == "measured"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(jobs, side_in(tmp_path, PLAYED), finished=interrupted_after_the_first)
    assert [process.poll() for process in processes] == [-signal.SIGKILL]
    first = file_in(tmp_path)
    assert first.measured() == {(jobs[0].cell.id, 1)}

    monkeypatch.setattr(lane, "measuring_process", Machine().process)
    started: list[Job] = []
    run(jobs, side_in(tmp_path), started.append)
    assert started == jobs[1:]
    second = file_in(tmp_path)
    assert second.measured() == {(job.cell.id, 1) for job in jobs}
    assert second.content["benchmarks"][0] == first.content["benchmarks"][0]


def test_a_disk_that_is_full_ends_the_sweep_and_keeps_what_was_stored(tmp_path, machine, monkeypatch):
    replace, renamed = Path.replace, []

    def full_after_one(self, target):
        if renamed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        renamed.append(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full_after_one)
    with pytest.raises(ResultsError, match=r"n\.json: No space left on device; what was measured before is kept"):
        run(plan(CELLS, 1), side_in(tmp_path))
    assert file_in(tmp_path).measured() == {(CELLS[0].id, 1)}
    assert not list(tmp_path.rglob("*.tmp"))
    assert machine.running == 0


def test_a_process_that_does_not_start_ends_the_sweep_with_what_it_said(tmp_path, processes):
    nowhere = replace(SETTINGS, root=tmp_path)
    message = r"^the measuring process ended \(exit code 4\) before it measured:\n(?s:.+)unrecognized arguments: "
    with pytest.raises(SweepError, match=message) as caught:
        run(plan(CELLS, 1), side_in(tmp_path, nowhere))
    assert len(str(caught.value).splitlines()) <= 16
    assert file_in(tmp_path).measured() == set()
    assert len(processes) == 1


def test_nothing_to_measure_starts_nothing(tmp_path, processes):
    run([], side_in(tmp_path))
    assert processes == []
