"""One side's measuring process in one pass over the grid, and the file that keeps what it reports.

A process that dies (killed for its memory, say) takes one cell with it: that cell is recorded as killed, and a new
process goes on with the next. One that says nothing for far longer than its cell should take is killed likewise.
"""

import contextlib
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from analysis.vocabulary import KILLED, MEASURED, duration
from bench.errors import SweepError
from bench.estimate import limit_seconds
from bench.grid import Cell
from bench.lane.events import Event, GaveNothing, Header, Measured, Paused, Started
from bench.lane.process import MeasuringProcess, death, measuring_process
from bench.lane.settings import Settings
from bench.prepare import describe
from bench.run_file import RunFile

SENT = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)  # by the system or someone, not by a fault


@dataclass(frozen=True)
class Job:
    """One cell in one pass: passes over the grid count from 1, each is a process of its own."""

    cell: Cell
    pass_number: int


class Taker(Protocol):
    """What a lane asks of the side that it measures."""

    @property
    def settings(self) -> Settings: ...

    @property
    def name(self) -> str: ...

    def measured(self) -> set[tuple[str, int]]: ...

    def begin(self, header: Header) -> None: ...

    def store(self, job: Job, event: Measured | GaveNothing) -> str: ...


@dataclass(frozen=True)
class Side:
    """What is measured, and where its figures go: one file.

    Attributes:
        settings: how, and in which checkout.
        run_file: the file of its figures.
        name: "base" or "head", say; "" where there is one side.
        commit_info: of the commit in the checkout; None: what the measuring process finds.
    """

    settings: Settings
    run_file: RunFile
    name: str = ""
    commit_info: dict[str, object] | None = None

    def measured(self) -> set[tuple[str, int]]:
        """(cell id, pass) of what need not be measured again."""
        return self.run_file.measured()

    def begin(self, header: Header) -> None:
        """Keeps what a process says before it measures."""
        self.run_file.content["machine_info"] = header.machine_info
        self.run_file.content["commit_info"] = self.commit_info or header.commit_info

    def store(self, job: Job, event: Measured | GaveNothing) -> str:
        """Keeps what came of a job; its outcome.

        Raises:
            ResultsError: it cannot be stored.
        """
        if isinstance(event, Measured):
            # A commit from before a heap setting had its name knows it by another.
            given = event.benchmark["extra_info"] | {"allocator": self.settings.allocator}
            self.run_file.add_benchmark(event.benchmark | {"extra_info": given})
            return MEASURED
        described = {**describe(job.cell), **self.settings.conditions_in(job.pass_number)}
        self.run_file.add_outcome(job.cell.id, described, event.outcome, event.message, again=event.again)
        return event.outcome


class Lane:
    """One side's process in one pass. It measures the next cell when it is asked to, part by part, and waits in
    between."""

    def __init__(self, side: Taker, cells: Sequence[Cell], pass_number: int, parts: int = 1) -> None:
        done = side.measured()
        self.side, self.pass_number, self.parts = side, pass_number, parts
        self.pending = [cell for cell in cells if (cell.id, pass_number) not in done]
        self._open = contextlib.ExitStack()
        self._process: MeasuringProcess | None = None
        self._events: Iterator[Event] = iter(())

    def __enter__(self) -> "Lane":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def is_next(self, cell: Cell) -> bool:
        """Whether `cell` is to be measured now: it has no figure yet and all before it are done."""
        return bool(self.pending) and self.pending[0] == cell

    def start(self) -> None:
        """Starts the process unless it runs or has nothing to do, and waits until it is about to measure.

        Raises:
            SweepError: it ends before.
        """
        if self._process is not None or not self.pending:
            return
        process = measuring_process(self.pending, self.pass_number, self.side.settings, self.parts)
        self._process = self._open.enter_context(process)
        self._events = self._process.events()
        if not self._await_start():
            code, output = self._process.wait(), self._process.output()
            whose = f" of {self.side.name}" if self.side.name else ""
            raise SweepError(
                f"the measuring process{whose} ended (exit code {code}) before it measured:\n{output}"
            )

    def measure(self) -> str | None:
        """Goes on with the next cell, once `start` has been called, and stores it at its end; its outcome, or None
        where the process waits before the next part of it.

        Raises:
            SweepError: the process reports something else.
            ResultsError: the result cannot be stored.
        """
        job = Job(self.pending[0], self.pass_number)
        event = self._report_on(job)
        if isinstance(event, Paused):
            return None
        self.pending.pop(0)
        outcome = self.side.store(job, event)
        if outcome == KILLED or not self._await_start():
            self._end()
        return outcome

    def _report_on(self, job: Job) -> Paused | Measured | GaveNothing:
        """What the process says of the job, or what became of the process."""
        limit = limit_seconds(job.cell, self.side.settings.profile)
        self._process.limit(limit)
        try:
            event = next(self._events, None)
            self._process.limit(None)
        except TimeoutError:
            waited = f"nothing came of it within {duration(limit)}, many times as long as expected; it was stopped"
            return GaveNothing(job.cell.id, KILLED, waited)
        if event is None:
            code = self._process.wait()
            return GaveNothing(job.cell.id, KILLED, death(code), again=-code in SENT)
        return _result_of(job, event)

    def _await_start(self) -> bool:
        """Goes on to where the process asks to begin a cell; False if it ended instead."""
        for event in self._events:
            if isinstance(event, Header):
                self.side.begin(event)
            if isinstance(event, Started):
                return True
        return False

    def _end(self) -> None:
        self._open.close()
        self._process, self._events = None, iter(())


def _result_of(job: Job, event: Event) -> Paused | Measured | GaveNothing:
    if isinstance(event, Paused | Measured | GaveNothing) and event.cell == job.cell.id:
        return event
    what = " ".join([type(event).__name__, getattr(event, "cell", "")]).strip()
    raise SweepError(f"expected the measuring process to report what came of {job.cell.id}, got {what}")
