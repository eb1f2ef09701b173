"""A round on made-up processes: whose turn it is, and what a death, an interrupt or a full disk costs."""

import contextlib
from collections.abc import Iterator

import pytest

from bench.errors import ResultsError, SweepError
from bench.grid import PROFILES
from bench.lane import turns
from bench.lane.settings import Settings
from bench.lane.turns import Side, measure_round
from bench.run_file import RunFile
from tests.bench.cells import cell

CELLS = [cell(hidden_size=n) for n in (4, 5, 6)]
A, B, C = (one.id for one in CELLS)


class Machine:
    """Stands in for the machine: notes which side measures what, and that no two do at once."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []
        self.started: list[list[str]] = []
        self.deaths: set[tuple[str, str]] = set()
        self.failures: set[tuple[str, str]] = set()
        self.unable: set[str] = set()
        self.running = 0

    @contextlib.contextmanager
    def process(self, cells, number: int, settings: Settings) -> Iterator["Process"]:
        self.started.append([one.id for one in cells])
        self.running += 1
        yield Process(self, settings.root.name, [one.id for one in cells], number)
        self.running -= 1


class Process:
    def __init__(self, machine: Machine, side: str, cells: list[str], number: int) -> None:
        self.machine, self.side, self.cells, self.number = machine, side, cells, number

    def events(self) -> Iterator[dict]:
        if self.side in self.machine.unable:
            return
        yield {"kind": "header", "machine_info": {"node": "box"}, "commit_info": {"id": "not this one"}}
        for text in self.cells:
            yield {"kind": "start", "cell": text}
            self.machine.log.append((self.side, text))
            if (self.side, text) in self.machine.deaths:
                return
            if (self.side, text) in self.machine.failures:
                yield {"kind": "outcome", "cell": text, "outcome": "failed", "message": "ValueError: no"}
                continue
            entry = {"params": {"cell_id": text}, "extra_info": {"pass": self.number}, "stats": {"data": [0.1]}}
            yield {"kind": "benchmark", "cell": text, "benchmark": entry}

    def wait(self) -> int:
        return -9

    def output(self) -> str:
        return "what it said"


@pytest.fixture
def machine(monkeypatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(turns, "measuring_process", made.process)
    return made


@pytest.fixture
def sides(tmp_path) -> tuple[Side, Side]:
    def side(name: str) -> Side:
        settings = Settings(PROFILES["ci"], 1, "kept", tmp_path / name)
        return Side(name, settings, {"id": name * 10}, RunFile.at(tmp_path / f"{name}.json", {}))

    return side("base"), side("head")


def measured(side: Side) -> set[tuple[str, int]]:
    return RunFile.at(side.run_file.path, {}).measured()


def pairs(log: list[tuple[str, str]]) -> tuple[list[str], list[list[str]]]:
    """The cells of each pair, and which side went first."""
    both = list(zip(log[::2], log[1::2], strict=True))
    assert all(first[1] == second[1] for first, second in both)
    return [first[1] for first, _ in both], [[first[0], second[0]] for first, second in both]


def test_the_sides_take_turns_and_change_places(machine, sides):
    measure_round(*sides, CELLS, 1)
    cells, order = pairs(machine.log)
    assert cells == [A, B, C]
    assert order[0] == order[2] == order[1][::-1]
    assert sorted(order[0]) == ["base", "head"]
    machine.log.clear()
    measure_round(*sides, CELLS, 2)
    cells, order = pairs(machine.log)
    assert cells == [C, B, A]
    assert order[0] == order[2] == order[1][::-1]


def test_over_two_rounds_each_side_is_first_as_often(machine, sides):
    for number in (1, 2):
        measure_round(*sides, CELLS[:1], number)
    assert [side for side, _ in machine.log] in (
        ["base", "head", "head", "base"],
        ["head", "base", "base", "head"],
    )


def test_each_figure_is_stored_with_its_round_and_its_commit(machine, sides):
    told = []
    measure_round(*sides, CELLS[:2], 3, lambda side, job, outcome: told.append((side, job.cell.id, outcome)))
    for side in sides:
        assert measured(side) == {(A, 3), (B, 3)}
        content = RunFile.at(side.run_file.path, {}).content
        assert content["commit_info"] == {"id": side.name * 10}
        assert content["machine_info"] == {"node": "box"}
    assert sorted(told) == sorted((side, text, "measured") for side in ("base", "head") for text in (A, B))
    assert machine.running == 0


def test_what_is_measured_is_not_measured_again(machine, sides):
    measure_round(*sides, CELLS[:1], 1)
    machine.log.clear()
    measure_round(*sides, CELLS[:1], 1)
    assert machine.log == []
    assert len(machine.started) == 2
    measure_round(*sides, CELLS, 1)
    assert {text for _, text in machine.log} == {B, C}


def test_a_process_that_dies_takes_one_cell_of_one_side_with_it(machine, sides):
    machine.deaths = {("head", B)}
    measure_round(*sides, CELLS, 1)
    assert measured(sides[0]) == measured(sides[1]) == {(text, 1) for text in (A, B, C)}
    assert sides[0].run_file.content["run"]["outcomes"] == []
    (outcome,) = sides[1].run_file.content["run"]["outcomes"]
    assert (outcome["cell"], outcome["outcome"], outcome["pass"]) == (B, "killed", 1)
    assert outcome["message"].startswith("the process that measured it ended with signal SIGKILL")
    assert machine.started == [[A, B, C], [A, B, C], [C]]
    assert machine.running == 0


def test_a_cell_that_fails_is_stored_as_that(machine, sides):
    machine.failures = {("base", A)}
    measure_round(*sides, CELLS[:2], 1)
    (outcome,) = sides[0].run_file.content["run"]["outcomes"]
    assert (outcome["cell"], outcome["outcome"], outcome["message"]) == (A, "failed", "ValueError: no")
    assert len(sides[1].run_file.content["benchmarks"]) == 2


def test_a_process_that_does_not_start_ends_the_round_with_what_it_said(machine, sides):
    machine.unable = {"head"}
    message = r"^the process that measures head ended \(exit code -9\) before it measured:\nwhat it said$"
    with pytest.raises(SweepError, match=message):
        measure_round(*sides, CELLS, 1)
    assert machine.log == []


def test_a_full_disk_keeps_what_was_stored(machine, sides, monkeypatch):
    def full(self, entry):
        raise ResultsError("no space")

    measure_round(*sides, CELLS[:1], 1)
    monkeypatch.setattr(RunFile, "add_benchmark", full)
    with pytest.raises(ResultsError, match=r"^no space$"):
        measure_round(*sides, CELLS, 1)
    assert measured(sides[0]) == measured(sides[1]) == {(A, 1)}


def test_two_real_processes_take_turns(tmp_path, processes):
    settings = Settings(PROFILES["ci"], 1, "kept")
    pair = [
        Side(name, settings, {"id": name}, RunFile.at(tmp_path / f"{name}.json", {})) for name in ("base", "head")
    ]
    told = []
    measure_round(*pair, CELLS[:2], 1, lambda side, job, outcome: told.append((side, job.cell.id, outcome)))
    assert [(text, outcome) for _, text, outcome in told] == [(one, "measured") for one in (A, A, B, B)]
    assert len(processes) == 2
    for side in pair:
        assert measured(side) == {(A, 1), (B, 1)}
        assert all(entry["extra_info"]["operators"] > 0 for entry in side.run_file.content["benchmarks"])
