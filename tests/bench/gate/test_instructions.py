"""Which cells are counted, in which processes, and what becomes of a count that fails."""

import sys
from pathlib import Path

import pytest

from bench.gate import instructions
from bench.gate.instructions import CELLS, chosen, count_sides
from bench.grid import select
from bench.lane.settings import Settings
from bench.meters.instructions import Calls, count
from bench.profiles import PROFILES
from tests.bench.cells import cell

SLICE = [CELLS[0], CELLS[1]]


@pytest.fixture
def counted(monkeypatch, tmp_path):
    """A program in the place of the meter -> what comes of counting on both sides."""

    def run(program: str, seconds: float = 600.0) -> dict:
        settings = {}
        for side in ("base", "head"):
            (tmp_path / side).mkdir()
            settings[side] = Settings(PROFILES["ci"], 1, "kept", tmp_path / side)
        monkeypatch.setattr(instructions, "MODULE", ["-c", program])
        return count_sides(settings, SLICE, seconds)

    return run


def test_the_ci_profile_has_every_counted_cell_and_a_slice_only_its_own():
    assert chosen(PROFILES["ci"].cells()) == list(CELLS)
    assert chosen(select(PROFILES["ci"].cells(), phase=["stream"])) == []
    assert chosen([cell("urnn:cpu", phase="forward")]) == [CELLS[0]]


def test_each_side_counts_in_its_own_checkout_with_this_interpreter_and_fixed_hashes(counted):
    program = (
        "import json, os, shutil, sys; cells = sys.stdin.read().split(); print('a remark'); "
        "print(json.dumps({**dict.fromkeys(cells, 7), 'at': os.getcwd(), 'hash': os.environ['PYTHONHASHSEED'], "
        "'python': shutil.which('python')}))"
    )
    found = counted(program)
    for side in ("base", "head"):
        counts = found[side]["counts"]
        assert Path(counts.pop("at")).name == side
        assert Path(counts.pop("python")).parent == Path(sys.executable).parent
        assert counts == {**dict.fromkeys((one.id for one in SLICE), 7), "hash": "0"}


def test_the_sides_are_counted_side_by_side(counted):
    """Each waits for the other: counted in turn, neither would be ready."""
    program = (
        "import pathlib, sys, time; sys.stdin.read(); here = pathlib.Path.cwd(); (here / 'begun').touch()\n"
        "while not all((here.parent / side / 'begun').exists() for side in ('base', 'head')): time.sleep(0.01)\n"
        "print('{\"counted\": 1}')"
    )
    found = counted(program, seconds=60.0)
    assert [found[side]["counts"] for side in ("base", "head")] == [{"counted": 1}, {"counted": 1}]


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("raise RuntimeError('valgrind is not installed')", "valgrind is not installed"),
        ("raise OSError('Failed to collect')", "callgrind failed: OSError: Failed to collect"),
        ("import os; os._exit(3)", "callgrind failed: exit code 3"),
    ],
)
def test_a_count_that_fails_is_a_reason(counted, program, reason):
    assert counted(program) == {side: {"counts": {}, "reason": reason} for side in ("base", "head")}


def test_a_count_that_takes_too_long_is_ended_and_counts_for_neither_side(counted):
    slow = "import os, time; time.sleep(600 if os.getcwd().endswith('head') else 0); print('{}')"
    reason = "counting was not ready after 0.1 minutes"
    assert counted(slow, seconds=5.0) == {side: {"counts": {}, "reason": reason} for side in ("base", "head")}


def test_calls_do_nothing_at_first_and_then_one_cell_each(monkeypatch):
    log: list[str] = []

    class Work:
        def __init__(self, tested) -> None:
            self.run = lambda: log.append(tested.id)

    monkeypatch.setattr("bench.meters.instructions.build", Work)
    calls = Calls([one.id for one in SLICE])
    log.clear()
    for expected in ([], [SLICE[0].id], [SLICE[0].id, SLICE[1].id]):
        calls()
        assert log == expected


def test_without_valgrind_it_says_so(monkeypatch):
    monkeypatch.setattr("bench.meters.instructions.shutil.which", lambda name: None)
    with pytest.raises(RuntimeError, match=r"^valgrind is not installed$"):
        count([SLICE[0].id])
