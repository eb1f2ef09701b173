"""What a person sees of a run: a live line on a terminal; elsewhere (a log, CI) a line at each evaluation."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import rich.console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from urnn.training.problems import Problem
from urnn.training.settings import Settings
from urnn.training.trainer import Progress as Done


def as_duration(seconds: float) -> str:
    """ "45 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def counted(number: int, name: str) -> str:
    """ "1 unit", "2 units"."""
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def as_result(problem: Problem, loss: float, score: float) -> str:
    """A loss and a score beside what a model without memory gets."""
    task = problem.task
    error = task.loss_name.partition(" (")[0]
    return f"{error} {loss:.4f} (baseline {task.baseline:.4f}), {task.score_name} {score:.1%}"


def as_line(text: str) -> str:
    """The text on one line: characters that would break a terminal's line, in a folder's name say, are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class _Told(logging.Handler):
    """A line on standard error for each record."""

    def emit(self, record: logging.LogRecord) -> None:
        print(as_line(self.format(record)), file=sys.stderr, flush=True)


@contextmanager
def compiling_told() -> Iterator[None]:
    """While this lasts, a line on standard error says when a kernel is compiled."""
    logger, told = logging.getLogger("urnn.kernels"), _Told()
    level = logger.level
    logger.addHandler(told)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(told)


class Console(rich.console.Console):
    """rich's console, except that it does not end the program with exit code 1 when its reader goes away."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Display:
    """Shows one run; used as a context."""

    def __init__(self, problem: Problem, settings: Settings, console: rich.console.Console | None = None) -> None:
        self.problem, self.last, self.most_seconds = problem, settings.max_iterations, settings.max_seconds
        self.console = console or Console(file=sys.stdout, highlight=False, emoji=False)
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
        self.bar = Progress(
            *columns,
            TextColumn("{task.fields[status]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task(f"{problem.name} {settings.model}", total=self.last, status="")

    def __enter__(self) -> "Display":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def say(self, sentence: str) -> None:
        self.console.print(as_line(sentence), soft_wrap=True, markup=False)

    def iterated(self, done: Done) -> None:
        """After each iteration: the live line."""
        self.bar.update(self.task, completed=done.iteration, status=self._status(done, done.iterations_per_second))

    def evaluated(self, done: Done, iterations_per_second: float) -> None:
        """After each evaluation: the live line, or a line of its own where there is no terminal."""
        status = self._status(done, iterations_per_second)
        self.bar.update(self.task, completed=done.iteration, status=status)
        if not self.console.is_terminal:
            self.say(f"iteration {done.iteration} of {self.last}: {status}")

    def _status(self, done: Done, rate: float) -> str:
        seconds = (self.last - done.iteration) / rate
        if self.most_seconds is not None:
            seconds = max(0.0, min(seconds, self.most_seconds - done.seconds))
        left = f"{rate:.1f} iterations/s, at most {as_duration(seconds)} left"
        if not done.evaluated:
            return left
        return f"{as_result(self.problem, done.loss, done.score)}, {left}"
