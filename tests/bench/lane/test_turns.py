"""A pass with played processes: whose turn it is, and what a death, an interrupt or a full disk costs."""

import pytest

from bench.errors import ResultsError, SweepError
from bench.lane import turns
from bench.lane.lane import Side
from bench.lane.settings import Settings
from bench.lane.turns import take_turns
from bench.profiles import PROFILES
from bench.run_file import RunFile
from tests.bench.cells import cell
from tests.bench.lane.played import SUITE

CELLS = [cell(hidden_size=n) for n in (4, 5, 6)]
A, B, C = (one.id for one in CELLS)


@pytest.fixture
def sides(tmp_path) -> tuple[Side, Side]:
    def side(name: str) -> Side:
        settings = Settings(PROFILES["ci"], 1, "kept", tmp_path / name)
        return Side(settings, RunFile.at(tmp_path / f"{name}.json", {}), name, {"id": name * 10})

    return side("base"), side("head")


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    """Says in how many parts a cell's rounds are measured: one, unless a test says otherwise."""

    def asked(number: int) -> None:
        monkeypatch.setattr(turns, "PARTS", number)

    asked(1)
    return asked


def measure(sides, cells, number: int, **callbacks) -> None:
    take_turns([(side, cells) for side in sides], number, **callbacks)


def measured(side: Side) -> set[tuple[str, int]]:
    return RunFile.at(side.run_file.path, {}).measured()


def pairs(log: list[tuple[str, str]]) -> tuple[list[str], list[list[str]]]:
    """The cells of each pair, and which side went first."""
    both = list(zip(log[::2], log[1::2], strict=True))
    assert all(first[1] == second[1] for first, second in both)
    return [first[1] for first, _ in both], [[first[0], second[0]] for first, second in both]


def test_the_sides_take_turns_and_change_places(machine, sides):
    measure(sides, CELLS, 1)
    cells, order = pairs(machine.log)
    assert cells == [A, B, C]
    assert order[0] == order[2] == order[1][::-1]
    assert sorted(order[0]) == ["base", "head"]
    machine.log.clear()
    measure(sides, CELLS, 2)
    cells, order = pairs(machine.log)
    assert cells == [C, B, A]
    assert order[0] == order[2] == order[1][::-1]


def test_the_parts_of_a_cell_are_measured_in_turn_and_stored_once(machine, sides, parts):
    parts(3)
    measure(sides, CELLS[:2], 1)
    first, second = machine.log[0][0], machine.log[1][0]
    assert {first, second} == {"base", "head"}
    assert machine.log == [(first, A), (second, A)] * 3 + [(second, B), (first, B)] * 3
    assert all(measured(side) == {(A, 1), (B, 1)} for side in sides)
    assert all(len(side.run_file.content["benchmarks"]) == 2 for side in sides)


def test_a_single_side_measures_a_cell_at_once(machine, sides, parts):
    parts(3)
    take_turns([(sides[0], CELLS[:2])], 1)
    assert machine.log == [("base", A), ("base", B)]


def test_a_commit_that_knows_no_parts_measures_its_cell_in_its_first_turn(machine, sides, parts):
    parts(3)
    machine.older = {"base"}
    measure(sides, CELLS[:1], 1)
    assert [side for side, _ in machine.log].count("base") == 1
    assert [side for side, _ in machine.log].count("head") == 3
    assert all(measured(side) == {(A, 1)} for side in sides)


def test_a_death_in_a_later_part_leaves_the_other_side_its_parts(machine, sides, parts):
    parts(3)
    machine.deaths = {("head", A)}
    measure(sides, CELLS[:2], 1)
    assert measured(sides[0]) == {(A, 1), (B, 1)}
    assert measured(sides[1]) == {(B, 1)}
    assert machine.log.count(("base", A)) == machine.log.count(("head", A)) == 3


def test_over_two_passes_each_side_is_first_as_often(machine, sides):
    for number in (1, 2):
        measure(sides, CELLS[:1], number)
    assert [side for side, _ in machine.log] in (
        ["base", "head", "head", "base"],
        ["head", "base", "base", "head"],
    )


def test_each_figure_is_stored_with_its_pass_and_its_commit(machine, sides):
    seen = []
    measure(
        sides,
        CELLS[:2],
        3,
        started=lambda side, job: seen.append((side.name, job.cell.id, "started")),
        finished=lambda side, job, outcome: seen.append((side.name, job.cell.id, outcome)),
    )
    for side in sides:
        assert measured(side) == {(A, 3), (B, 3)}
        content = RunFile.at(side.run_file.path, {}).content
        assert content["commit_info"] == {"id": side.name * 10}
        assert content["machine_info"] == {"node": "box"}
    assert seen[::2] == [(side, text, "started") for side, text in machine.log]
    assert seen[1::2] == [(side, text, "measured") for side, text in machine.log]
    assert machine.running == 0


def test_what_is_measured_is_not_measured_again(machine, sides):
    measure(sides, CELLS[:1], 1)
    machine.log.clear()
    measure(sides, CELLS[:1], 1)
    assert machine.log == []
    assert len(machine.started) == 2
    measure(sides, CELLS, 1)
    assert {text for _, text in machine.log} == {B, C}


def test_a_side_that_has_some_of_the_cells_waits_for_those(machine, sides):
    take_turns([(sides[0], CELLS), (sides[1], CELLS[1:2])], 2)
    assert [text for side, text in machine.log if side == "base"] == [C, B, A]
    assert [text for side, text in machine.log if side == "head"] == [B]


def test_a_process_that_dies_takes_one_cell_of_one_side_with_it(machine, sides):
    machine.deaths = {("head", B)}
    measure(sides, CELLS, 1)
    assert measured(sides[0]) == {(text, 1) for text in (A, B, C)}
    assert measured(sides[1]) == {(A, 1), (C, 1)}, "who was killed is measured again when the pass is taken up"
    assert sides[0].run_file.content["run"]["outcomes"] == []
    (outcome,) = sides[1].run_file.content["run"]["outcomes"]
    assert (outcome["cell"], outcome["outcome"], outcome["pass"]) == (B, "killed", 1)
    assert outcome["message"].startswith("the process that measured it ended with signal SIGKILL")
    assert machine.started == [[A, B, C], [A, B, C], [C]]
    assert machine.running == 0


def test_a_cell_that_fails_is_stored_as_that(machine, sides):
    machine.failures = {("base", A)}
    measure(sides, CELLS[:2], 1)
    (outcome,) = sides[0].run_file.content["run"]["outcomes"]
    assert (outcome["cell"], outcome["outcome"], outcome["message"]) == (A, "failed", "ValueError: no")
    assert len(sides[1].run_file.content["benchmarks"]) == 2


def test_a_process_that_does_not_start_ends_the_pass_with_what_it_said(machine, sides):
    machine.unable = {"head"}
    message = r"^the measuring process of head ended \(exit code -9\) before it measured:\nwhat it said$"
    with pytest.raises(SweepError, match=message):
        measure(sides, CELLS, 1)
    assert machine.log == []


def test_a_full_disk_keeps_what_was_stored(machine, sides, monkeypatch):
    def full(self, entry):
        raise ResultsError("no space")

    measure(sides, CELLS[:1], 1)
    monkeypatch.setattr(RunFile, "add_benchmark", full)
    with pytest.raises(ResultsError, match=r"^no space$"):
        measure(sides, CELLS, 1)
    assert measured(sides[0]) == measured(sides[1]) == {(A, 1)}


@pytest.mark.parametrize("again", [True, False])
def test_what_its_surroundings_made_fail_is_measured_when_the_pass_is_taken_up_again(machine, sides, again):
    machine.failures, machine.again = {("base", A)}, again
    measure(sides, CELLS[:1], 1)
    assert measured(sides[0]) == (set() if again else {(A, 1)})
    machine.failures = set()
    machine.log.clear()
    measure(sides, CELLS[:1], 1)
    assert machine.log == ([("base", A)] if again else [])
    assert measured(sides[0]) == measured(sides[1]) == {(A, 1)}
    assert bool(sides[0].run_file.content["run"]["outcomes"]) != again


@pytest.mark.parametrize(("code", "is_settled"), [(-9, False), (-15, False), (-11, True), (1, True)])
def test_a_process_that_was_sent_a_signal_is_no_fault_of_the_cell(machine, sides, code, is_settled):
    machine.deaths, machine.exit_code = {("head", A)}, code
    measure(sides, CELLS[:1], 1)
    assert ((A, 1) in measured(sides[1])) == is_settled


def test_an_interrupt_between_two_sides_keeps_the_one_and_ends_all_processes(machine, sides):
    def interrupted(side, job, outcome) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(sides, CELLS, 1, finished=interrupted)
    ((first, _),) = machine.log
    assert [measured(side) for side in sides] == [{(A, 1)} if side.name == first else set() for side in sides]
    assert machine.running == 0


@pytest.mark.parametrize("number", [1, 3])
def test_two_real_processes_take_turns(tmp_path, processes, parts, number):
    parts(number)
    settings = Settings(PROFILES["quick"], 1, "kept", SUITE)
    pair = [
        Side(settings, RunFile.at(tmp_path / f"{name}.json", {}), name, {"id": name}) for name in ("base", "head")
    ]
    ended = []
    measure(pair, CELLS[:2], 1, finished=lambda side, job, outcome: ended.append((job.cell.id, outcome)))
    assert ended == [(one, "measured") for one in (A, A, B, B)]
    assert len(processes) == 2
    for side in pair:
        assert measured(side) == {(A, 1), (B, 1)}
        assert [entry["extra_info"]["pass"] for entry in side.run_file.content["benchmarks"]] == [1, 1]
        assert [len(entry["stats"]["data"]) for entry in side.run_file.content["benchmarks"]] == [number] * 2
