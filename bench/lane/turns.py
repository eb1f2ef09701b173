"""One round: every cell on both sides, one after the other, in two processes that take turns; or on more sides.

All processes are started at once and wait for their turn, so that a cell's two measurements lie a second apart
instead of a whole sweep; nothing is timed while the other runs. Who goes first changes from cell to cell and from
round to round (A B, B A, ...), so that neither side profits from its place.

Known weakness: all processes hold their memory at the same time; one that waits keeps its last cell.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from analysis.vocabulary import KILLED, MEASURED
from bench.errors import SweepError
from bench.grid import Cell
from bench.lane.process import Worker, death, measuring_process
from bench.lane.settings import Settings
from bench.lane.sweep import Job, store_outcome
from bench.run_file import RunFile

Told = Callable[[str, Job, str], None]


@dataclass(frozen=True)
class Side:
    """A commit that is measured: "base" or "head", how, its commit_info for the file, and the file."""

    name: str
    settings: Settings
    commit_info: dict[str, object]
    run_file: RunFile


class Lane:
    """One side's process in one round. It measures the next cell when it is told to, and waits in between."""

    def __init__(self, side: Side, cells: Sequence[Cell], number: int) -> None:
        done = side.run_file.measured()
        self.side, self.number = side, number
        self.pending = [cell for cell in cells if (cell.id, number) not in done]
        self._open = contextlib.ExitStack()
        self._worker: Worker | None = None
        self._events: Iterator[dict] = iter(())

    def __enter__(self) -> "Lane":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def measure(self, cell: Cell) -> str | None:
        """Measures and stores `cell` if it is the next one; the outcome, or None where it was measured before.

        Raises:
            SweepError: the process does not start.
            ResultsError: the result cannot be stored.
        """
        if not self.pending or self.pending[0] != cell:
            return None
        self.start()
        event = next(self._events, None)
        self.pending.pop(0)
        outcome = self._store(Job(cell, self.number), event)
        if event is None or not self._await_start():
            self._end()
        return outcome

    def start(self) -> None:
        """Starts the process unless it runs or has nothing to do, and waits until it is about to measure."""
        if self._worker is not None or not self.pending:
            return
        process = measuring_process(self.pending, self.number, self.side.settings)
        self._worker = self._open.enter_context(process)
        self._events = self._worker.events()
        if not self._await_start():
            code, output = self._worker.wait(), self._worker.output()
            what = f"the process that measures {self.side.name} ended (exit code {code}) before it measured"
            raise SweepError(f"{what}:\n{output}")

    def _await_start(self) -> bool:
        """Goes on to where the process asks to begin a cell; False if it ended instead."""
        for event in self._events:
            if event["kind"] == "header":
                self.side.run_file.content["machine_info"] = event["machine_info"]
                self.side.run_file.content["commit_info"] = self.side.commit_info
            if event["kind"] == "start":
                return True
        return False

    def _store(self, job: Job, event: dict | None) -> str:
        run_file, settings = self.side.run_file, self.side.settings
        if event is None:
            store_outcome(run_file, job, settings, KILLED, death(self._worker.wait()))
            return KILLED
        if event["kind"] == "benchmark":
            run_file.add_benchmark(event["benchmark"])
            return MEASURED
        store_outcome(run_file, job, settings, event["outcome"], event["message"])
        return event["outcome"]

    def _end(self) -> None:
        self._open.close()
        self._worker, self._events = None, iter(())


def measure_round(
    base: Side, head: Side, cells: Sequence[Cell], number: int, told: Told = lambda side, job, outcome: None
) -> None:
    """`take_turns` of base and head over the same cells; those that a side does not have are to be left out."""
    take_turns([(base, cells), (head, cells)], number, told)


def take_turns(
    parts: Sequence[tuple[Side, Sequence[Cell]]], number: int, told: Told = lambda side, job, outcome: None
) -> None:
    """Measures what the sides' files do not hold yet of round `number`, and stores each figure as it is there.

    The first side has all cells, every other one some of them, in the same order. Even rounds go backwards.

    Raises:
        SweepError: a process does not start.
        ResultsError: a result cannot be stored.
    """
    step = 1 if number % 2 else -1
    order = list(parts[0][1])[::step]
    with contextlib.ExitStack() as stack:
        lanes = [stack.enter_context(Lane(side, list(cells)[::step], number)) for side, cells in parts]
        for place, cell in enumerate(order):
            for lane in lanes:
                lane.start()
            for lane in _in_turn(lanes, place + number):
                outcome = lane.measure(cell)
                if outcome is not None:
                    told(lane.side.name, Job(cell, number), outcome)


def _in_turn(lanes: list[Lane], turn: int) -> list[Lane]:
    """Another lane begins at each turn, and each second time around they go the other way."""
    first = (turn + 1) % len(lanes)
    found = lanes[first:] + lanes[:first]
    return found[::-1] if len(lanes) > 2 and turn // len(lanes) % 2 else found
