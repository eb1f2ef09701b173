"""Played measuring processes: which side measures what and when, and what goes wrong."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench.lane.events import Event, GaveNothing, Header, Measured, Paused, Started
from bench.lane.settings import Settings

SUITE = Path(__file__).with_name("suite")  # a checkout whose measuring processes are real and measure nothing


class Machine:
    """Stands in for the machine. A side is known by the name of its checkout's folder.

    Attributes:
        log: (side, cell) of each measurement, in their order; in parts, of each part.
        older: sides of commits that know no parts.
        started: the cells of each process.
        deaths, failures: (side, cell) that end the process or give no figures.
        hangs: (side, cell) of which nothing comes.
        limits: how long a report was waited for, each time that was said.
        again: whether failures are their surroundings'.
        unable: sides whose processes end before they measure.
        exit_code: of processes that end early.
        running: processes that have not ended.
    """

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []
        self.started: list[list[str]] = []
        self.older: set[str] = set()
        self.deaths: set[tuple[str, str]] = set()
        self.failures: set[tuple[str, str]] = set()
        self.hangs: set[tuple[str, str]] = set()
        self.limits: list[float | None] = []
        self.again = False
        self.unable: set[str] = set()
        self.exit_code = -9
        self.running = 0

    @contextlib.contextmanager
    def process(self, cells, number: int, settings: Settings, parts: int = 1) -> Iterator["Process"]:
        self.started.append([one.id for one in cells])
        self.running += 1
        try:
            name = settings.root.name
            yield Process(self, name, [one.id for one in cells], number, 1 if name in self.older else parts)
        finally:
            self.running -= 1


class Process:
    def __init__(self, machine: Machine, side: str, cells: list[str], number: int, parts: int = 1) -> None:
        self.machine, self.side, self.cells, self.number, self.parts = machine, side, cells, number, parts

    def events(self) -> Iterator[Event]:
        if self.side in self.machine.unable:
            return
        yield Header({"node": "box"}, {"id": "what the process found"})
        for text in self.cells:
            yield Started(text)
            for _ in range(self.parts - 1):
                self.machine.log.append((self.side, text))
                yield Paused(text)
            self.machine.log.append((self.side, text))
            if (self.side, text) in self.machine.deaths:
                return
            if (self.side, text) in self.machine.hangs:
                raise TimeoutError
            if (self.side, text) in self.machine.failures:
                yield GaveNothing(text, "failed", "ValueError: no", self.machine.again)
                continue
            entry = {"params": {"cell_id": text}, "extra_info": {"pass": self.number}, "stats": {"data": [0.1]}}
            yield Measured(text, entry)

    def limit(self, seconds: float | None) -> None:
        self.machine.limits.append(seconds)

    def wait(self) -> int:
        return self.machine.exit_code

    def output(self) -> str:
        return "what it said"
