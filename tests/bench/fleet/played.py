"""Played measuring processes of a sweep in shards: full figures, at a speed that a test chooses."""

import contextlib
from collections.abc import Callable, Iterator

from bench import conditions
from bench.estimate import call_seconds
from bench.grid import Cell
from bench.lane.events import Event, Header, Measured, Started
from bench.lane.settings import Settings
from bench.machine.kind import Machine
from bench.prepare import describe

KIND = Machine("AMD EPYC", 2, 8, "2.13.0", "3.11.9", "box", boot="first")


class Player:
    """Stands in for all machines.

    Attributes:
        machine: the one that measures now.
        speed: seconds of a cell in a pass -> what is measured; 1 is the estimate.
        started: (cells, pass) of each process.
        die: called with each cell before it is measured; may raise.
    """

    def __init__(self) -> None:
        self.machine = KIND
        self.speed: Callable[[Cell, int], float] = lambda cell, number: 1.0
        self.started: list[tuple[list[str], int]] = []
        self.die: Callable[[Cell], None] = lambda cell: None
        self.commit = "a" * 40

    @contextlib.contextmanager
    def process(self, cells, number: int, settings: Settings, parts: int = 1) -> Iterator["Process"]:
        self.started.append(([one.id for one in cells], number))
        yield Process(self, list(cells), number, settings)  # the lane takes cells from its own list


class Process:
    def __init__(self, player: Player, cells: list[Cell], number: int, settings: Settings) -> None:
        self.player, self.cells, self.number, self.settings = player, cells, number, settings

    def events(self) -> Iterator[Event]:
        machine = self.player.machine
        info = {"node": machine.node, "torch": machine.torch, "cpu": {"brand_raw": machine.processor, "count": 2}}
        yield Header(info | machine.facts(), {"id": self.player.commit, "dirty": False, "time": None})
        for cell in self.cells:
            yield Started(cell.id)
            self.player.die(cell)
            yield Measured(cell.id, self.entry(cell))

    def entry(self, cell: Cell) -> dict:
        seconds = max(1e-6, call_seconds(cell)) * self.player.speed(cell, self.number)
        how = conditions.of_pass(self.number, self.settings.threads, self.settings.allocator)
        figures = {"peak_allocated_bytes": 1000 * cell.hidden_size} if self.number == 1 else {}
        return {
            "name": f"test_step_time[{cell.id}0]",
            "fullname": f"bench/test_step_time.py::test_step_time[{cell.id}0]",
            "param": f"{cell.id}_1",
            "params": {"cell_id": cell.id},
            "extra_info": describe(cell) | how | figures,
            "stats": {"data": [seconds, seconds * 1.001, seconds * 0.999]},
        }

    def limit(self, seconds: float | None) -> None:
        pass

    def wait(self) -> int:
        return -9

    def output(self) -> str:
        return "what it said"
