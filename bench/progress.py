"""What a person sees of a sweep: what is being measured, how much is left, and when it will be done."""

import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from analysis.vocabulary import MEASURED, duration
from bench.lane.lane import Job


def show(text: str) -> None:
    """One line, at once, for logs that are read while they grow."""
    print(text, flush=True)


class TimeLeft:
    """The time that the rest will take, estimated beforehand and corrected by what has been seen.

    The correction is the ratio of seconds spent to seconds estimated for what is done.
    """

    def __init__(self, estimates: Sequence[float], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._total = sum(estimates)
        self._done = 0.0

    def finish(self, estimate: float) -> None:
        """One job, estimated at so many seconds, is done."""
        self._done += estimate

    def seconds(self) -> float:
        """Seconds that are left, by what is known now."""
        correction = (self._clock() - self._start) / self._done if self._done else 1.0
        return correction * max(0.0, self._total - self._done)


class Terminal(Console):
    """rich's, but a reader that went away is an error like any other; rich's own would end with exit code 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class SweepProgress:
    """A bar on a terminal; elsewhere (a log, CI) a line now and then."""

    LINES = 10  # how many lines a whole sweep prints where there is no terminal

    def __init__(
        self, jobs: Sequence[Job], estimate: Callable[[Job], float], console: Console | None = None
    ) -> None:
        self.console = console or Terminal(file=sys.stdout, highlight=False)
        self.estimate = estimate
        self.time_left = TimeLeft([estimate(job) for job in jobs])
        self.total, self.done = len(jobs), 0
        columns = ("{task.description}", BarColumn(bar_width=24), MofNCompleteColumn(), "{task.fields[left]}")
        self.bar = Progress(
            *(TextColumn(column) if isinstance(column, str) else column for column in columns),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task("starting", total=self.total, left="")

    def __enter__(self) -> "SweepProgress":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def started(self, job: Job) -> None:
        self.bar.update(self.task, description=job.cell.id, left=self._left())

    def finished(self, job: Job, outcome: str) -> None:
        self.done += 1
        self.time_left.finish(self.estimate(job))
        self.bar.update(self.task, completed=self.done, left=self._left())
        if outcome != MEASURED:
            self.console.print(f"{job.cell.id}: {outcome}; recorded as such", soft_wrap=True)
        if not self.console.is_terminal and self.done * self.LINES % self.total < self.LINES:
            self.console.print(f"{self.done} of {self.total} measured, {self._left()}", soft_wrap=True)

    def _left(self) -> str:
        return f"{duration(self.time_left.seconds())} left"
