"""Recording the gate's passes with made-up measurements, and the slowdown on a made-up clock."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.vocabulary import CALIBRATION_PLAN
from bench.calibration import recording
from bench.calibration.injection import WORKLOADS, slow_down
from bench.calibration.recording import SLOWDOWNS, Dependencies, Request, record
from bench.commands import main
from bench.errors import ResultsError, SweepError
from bench.prepare import describe
from bench.profiles import PROFILES
from bench.workloads import Workload
from tests.bench.cells import cell
from tests.bench.repositories import BASE

OURS, GUARD, OTHER = (cell(variant, hidden_size=8) for variant in ("urnn:cpu", "lstm:torch", "gru:torch"))
CELLS = [OURS, GUARD, OTHER]
SLOWED = [f"slow_{100 * fraction:g}" for fraction in SLOWDOWNS]


class World:
    """Measures nothing: notes who measures what, and a clock that each pass moves by a minute."""

    def __init__(self) -> None:
        self.now, self.passes, self.known, self.slowed = 0.0, [], set(CELLS), []
        self.commit = BASE

    def dependencies(self, log: list[str]) -> Dependencies:
        return Dependencies(
            resolve=lambda revision: self.commit,
            check_out=lambda commit, folder: None,
            slow_down=lambda *asked: self.slowed.append((asked[0].name, *asked[1:])),
            known_cells=lambda name, settings, cells: self.known,
            take_turns=lambda parts, number: self.measure(parts, number),
            watch=lambda seconds, log, note: lambda: note("the machine was busy"),
            clock=lambda: self.now,
            log=log.append,
        )

    def measure(self, parts, number: int) -> None:
        self.passes.append((number, {side.name: [one.id for one in cells] for side, cells in parts}))
        self.now += 60
        for side, cells in parts:
            side.run_file.content["commit_info"] = side.commit_info
            for one in cells:
                entry = {"params": {"cell_id": one.id}, "extra_info": {**describe(one), "pass": number}}
                side.run_file.add_benchmark({**entry, "stats": {"data": [0.1]}})


@pytest.fixture
def world(monkeypatch, tmp_path) -> World:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return World()


@pytest.fixture
def go(world, tmp_path):
    """Records; -> the folder and what was logged."""

    def recorded(passes: int = 3, minutes: float = 60.0, slowed: str = "urnn:cpu") -> tuple[Path, list[str]]:
        log: list[str] = []
        request = Request(CELLS, PROFILES["ci"], slowed, passes, minutes, results=tmp_path / "recordings")
        return record(request, world.dependencies(log)), log

    return recorded


def test_every_pass_measures_all_cells_twice_and_the_slowed_ones_with_their_sentinels_in_each_copy(world, go):
    go()
    assert [number for number, _ in world.passes] == [1, 2, 3]
    _, sides = world.passes[0]
    assert list(sides) == ["base", "same", *SLOWED]
    assert sides["base"] == sides["same"] == [GUARD.id, OURS.id, OTHER.id]
    assert all(sides[name] == [GUARD.id, OURS.id] for name in SLOWED)
    assert world.slowed == [(name, "urnn:cpu", fraction) for name, fraction in zip(SLOWED, SLOWDOWNS, strict=True)]


def test_the_plan_says_what_the_analysis_has_to_know(go):
    folder, _ = go()
    plan = json.loads((folder / CALIBRATION_PLAN).read_text())
    assert plan["cells"] == [one.id for one in CELLS]
    assert plan["slowdowns"] == dict(zip(SLOWED, SLOWDOWNS, strict=True))
    assert (plan["slowed"], plan["sentinel"], plan["notes"]) == (
        "urnn:cpu",
        "lstm:torch",
        ["the machine was busy"],
    )
    assert plan["seconds"] == {"1": 60, "2": 60, "3": 60}


def test_it_goes_on_where_it_ended_and_measures_no_pass_again(world, go):
    folder, log = go(passes=5, minutes=1.5)
    assert log == ["pass 1 of 5", "pass 2 of 5", "time was up before pass 3 of 5; the same command goes on"]
    world.passes.clear()
    again, log = go(passes=5)
    assert again == folder
    assert log == ["pass 3 of 5", "pass 4 of 5", "pass 5 of 5"]


def test_a_subject_with_control_characters_is_that_of_the_same_recording(world, go):
    world.commit = replace(BASE, subject="Written elsewhere\r")
    folder, _ = go(passes=1)
    assert go(passes=2) == (folder, ["pass 2 of 2"])


def test_an_interrupted_pass_is_taken_up_again_and_has_no_time(world, go):
    whole = world.measure

    def interrupted(parts, number: int) -> None:
        whole([(side, cells[:1]) for side, cells in parts], number)
        raise KeyboardInterrupt

    world.measure = interrupted
    with pytest.raises(KeyboardInterrupt):
        go()
    assert not list(Path(tempfile.gettempdir()).glob("urnn-calibration-*"))
    world.measure = lambda parts, number: whole([(side, cells[number == 1 :]) for side, cells in parts], number)
    folder, _ = go()
    assert json.loads((folder / CALIBRATION_PLAN).read_text())["seconds"] == {"2": 60, "3": 60}


def test_a_model_without_a_cell_cannot_be_slowed(go):
    with pytest.raises(
        ValueError, match=r"^'urnn:cuda' has no cell in this slice, so there is nothing to slow down$"
    ):
        go(slowed="urnn:cuda")


def test_a_commit_without_the_cells_is_refused(world, go):
    world.known = {OURS}
    with pytest.raises(
        SweepError, match=r"^aaaaaaaa does not know every cell of this slice; commit the suite first$"
    ):
        go()


def test_a_recording_of_other_cells_is_not_mixed_with_this_one(go, monkeypatch):
    folder, _ = go()
    plan = json.loads((folder / CALIBRATION_PLAN).read_text())
    (folder / CALIBRATION_PLAN).write_text(json.dumps({**plan, "cells": []}))
    with pytest.raises(
        ResultsError, match=r"is the plan of another recording; move its folder away to start a new one"
    ):
        go()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r": expected complete JSON, but .*; move its folder away to start a new one\.$"),
        ("[]", r"^expected .*calibration\.json to be of format 1, got None; move its folder away"),
        (
            '{"format": 1, "notes": [], "seconds": []}',
            r": expected seconds to be an object, got a list that is empty; move its folder away",
        ),
        (
            '{"format": 1, "notes": 1, "seconds": {}}',
            r": expected notes to be a list, got 1; move its",
        ),
    ],
)
def test_a_damaged_plan_is_named_and_left_as_it_is(go, text, message):
    folder, _ = go()
    (folder / CALIBRATION_PLAN).write_text(text)
    with pytest.raises(ResultsError, match=message):
        go()
    assert (folder / CALIBRATION_PLAN).read_text() == text


def test_a_full_disk_keeps_the_passes_before(world, go, monkeypatch):
    folder, _ = go(passes=2)

    def full(self, entry) -> None:
        raise ResultsError("no space")

    monkeypatch.setattr(recording.RunFile, "add_benchmark", full)
    with pytest.raises(ResultsError, match=r"^no space$"):
        go()
    kept = json.loads((folder / "base.json").read_text())["benchmarks"]
    assert {entry["extra_info"]["pass"] for entry in kept} == {1, 2}


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The copy's workloads, those of one model slowed by 5 %, on a clock that each look moves by a little.

    -> a call of a cell's, by the name under which it is timed, and the time that it then takes.
    """
    path = tmp_path / WORKLOADS
    path.parent.mkdir()
    path.write_text("def build(cell):\n    return made(cell)\n")
    clock = SimpleNamespace(now=0.0, device=0.0)

    def look() -> float:
        clock.now += 0.0001
        return clock.now

    def work() -> str:
        clock.now += 0.1
        clock.device += 0.3
        return "result"

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            pass

        def record(self) -> None:
            self.at = clock.device

        def elapsed_time(self, end) -> float:
            return 1e3 * (end.at - self.at)

    def sleep(cycles: int) -> None:
        clock.device += cycles * 1e-9

    monkeypatch.setattr("time.perf_counter", look)
    cuda = SimpleNamespace(Event=Event, synchronize=lambda: None, _sleep=sleep)
    scope = {
        "made": lambda tested: Workload(tested, work, None, work),
        "torch": SimpleNamespace(cuda=cuda),
        "_synchronised": lambda call: call,
    }

    def call(slowed: str, tested, timed_as: str) -> tuple[float, float]:
        slow_down(tmp_path, slowed, 0.05)
        exec(compile(path.read_text(), "copy", "exec"), scope)
        workload = scope["build"](tested)
        before = clock.now, clock.device
        assert getattr(workload, timed_as)() == "result"
        return clock.now - before[0], clock.device - before[1]

    return call


@pytest.mark.parametrize("timed_as", ["run", "enqueue"])
@pytest.mark.parametrize(("variant", "seconds"), [("urnn:cpu", 0.105), ("lstm:torch", 0.1)])
def test_the_copy_stretches_the_models_calls_by_so_much_of_their_own_time_and_no_others(
    copy, variant, seconds, timed_as
):
    assert copy("urnn:cpu", cell(variant, hidden_size=8), timed_as)[0] == pytest.approx(seconds, abs=0.0005)


@pytest.mark.parametrize("timed_as", ["run", "enqueue"])
@pytest.mark.parametrize(("variant", "share"), [("urnn:cuda", 1.05), ("lstm:torch", 1.0)])
def test_on_a_gpu_the_launching_and_the_work_are_stretched(copy, variant, share, timed_as):
    """CUDA cells are timed by `enqueue` alone."""
    host, device = copy("urnn:cuda", cell(variant, hidden_size=8, device="cuda"), timed_as)
    assert host == pytest.approx(0.1 * share, abs=0.0005)
    assert device == pytest.approx(0.3 * share, rel=1e-6)


def test_the_command_refuses_what_the_grid_does_not_have(tmp_path, capsys):
    assert main(["calibrate", "--slowed=urnn:nothing", f"--results={tmp_path}", "--hidden=128"]) == 2
    assert capsys.readouterr().err == (
        "error: 'urnn:nothing' has no cell in this slice, so there is nothing to slow down\n"
    )
