"""Trains what the experiments' report needs: training processes side by side until all is done or the time is up.

Each run is a process of the trainer's own command, so that a run that fails or diverges costs the others nothing,
and one that is stopped goes on with the same command. When the time is up no run is started, and those that are
going are asked to stop, which keeps their checkpoints; SIGTERM and SIGHUP do the same. If this process is killed,
they end at once; the same command takes them up from their last checkpoints.

Known weakness: runs side by side share memory and caches, which costs each some speed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.command_line import stopped_like_ctrl_c
from bench.environment import measured_environment
from bench.errors import SweepError
from bench.experiments import Experiment, Job, Training
from bench.paths import ROOT
from bench.processes.locks import BusyError, sole_holder
from urnn import models
from urnn.training import files, owner
from urnn.training.display import as_line
from urnn.training.log import Line

TRAINER = (sys.executable, "-m", "urnn.training")
POLL_SECONDS = 0.1
MOST_JOBS = max(64, os.cpu_count() or 1)  # trainers at a time; each is a process with a copy of torch
GRACE_SECONDS = 60.0  # to finish an iteration, score what there is and write a checkpoint


def trainer_command(job: Training, conditions: "Conditions") -> list[str]:
    """The trainer's process for a run."""
    runs = job.runs_in(conditions.runs).resolve()
    return [*TRAINER, *job.arguments(), "--threads=1", f"--runs={runs}", owner.OPTION, *conditions.extra]


def told_of_training(end: Line) -> str:
    """What became of a run, in a few words."""
    return f"{end['outcome']} after {end['iteration']} iterations, {end['seconds']:.0f} s"


def first_waiting(waiting: Sequence[Job], going: Sequence[Job]) -> Job:
    """The run to start next: runs depend on nothing, and may be made beside any other."""
    return waiting[0]


@dataclass(frozen=True)
class Conditions:
    """How runs are made.

    Attributes:
        runs: the folder that they are kept in.
        jobs: how many are going at once.
        seconds: after which none is started.
        extra: more arguments for the trainer.
        command: of `python -m bench`, to name it in messages.
        process: the command line of a job's process, which ends with its standard input (`urnn.training.owner`).
        told: a job's last line -> what became of it.
        choose: those that wait and those that are going -> the next one to start; None for none yet.
    """

    runs: Path
    jobs: int
    seconds: float
    extra: tuple[str, ...] = ()
    command: str = "reproduce"
    process: Callable[[Any, "Conditions"], list[str]] = trainer_command
    told: Callable[[Line], str] = told_of_training
    choose: Callable[[Sequence[Any], Sequence[Any]], Any] = first_waiting


@dataclass
class Result:
    """What became of the plan, each part in the order it happened; `failed` says why, `stopped` means Ctrl-C."""

    before: list[Job] = field(default_factory=list)
    ended: list[tuple[Job, Line]] = field(default_factory=list)
    interrupted: list[Job] = field(default_factory=list)
    failed: list[tuple[Job, str]] = field(default_factory=list)
    not_run: list[Job] = field(default_factory=list)
    stopped: bool = False


@dataclass
class _Going:
    """A run in its process, with the file that its output goes to."""

    experiment: Job
    process: subprocess.Popen[bytes]
    output: Path


def train_all(experiments: Sequence[Job], conditions: Conditions, say: Callable[[str], None]) -> Result:
    """Makes the runs that have not ended yet, in their order; `say` gets a line as each starts and ends.

    Ctrl-C, SIGTERM and SIGHUP stop all runs as the end of the time does, and the result says what there is.

    Raises:
        SweepError: another process trains in the folder, or it cannot be written to.
    """
    with _sole_trainer(conditions), stopped_like_ctrl_c():
        return _Schedule(experiments, conditions, say).run()


class _Schedule:
    """The runs that wait, those that are going, and what became of the others."""

    def __init__(self, experiments: Sequence[Job], conditions: Conditions, say: Callable[[str], None]) -> None:
        self.conditions, self.say = conditions, say
        self.result = Result(before=[one for one in experiments if one.end(conditions.runs)])
        self.waiting = [one for one in experiments if one not in self.result.before]
        self.going: list[_Going] = []

    def run(self) -> Result:
        try:
            try:
                self._until_the_time_is_up()
            except KeyboardInterrupt:
                self.result.stopped = True
            self._stop()
        except BaseException:  # nothing is left behind where this process is about to fail
            for one in self.going:
                _kill(one)
            raise
        self.result.not_run = self.waiting
        return self.result

    def _until_the_time_is_up(self) -> None:
        deadline = time.monotonic() + self.conditions.seconds
        while (self.going or self.waiting) and time.monotonic() < deadline:
            while len(self.going) < self.conditions.jobs and (chosen := self._next()):
                self.going.append(_start(chosen, self.conditions))
                self.waiting.remove(chosen)
                self.say(f"{chosen}: started; {len(self.waiting)} more to come")
            if not self.going:
                return  # what waits depends on what failed
            time.sleep(POLL_SECONDS)
            for one in [one for one in self.going if one.process.poll() is not None]:
                self.going.remove(one)
                _close(one)
                self._record(one)

    def _next(self) -> Job | None:
        going = [one.experiment for one in self.going]
        return self.conditions.choose(self.waiting, going) if self.waiting else None

    def _record(self, one: _Going) -> None:
        """Puts a run whose process has ended by itself into the result."""
        end = one.experiment.end(self.conditions.runs)
        if end:
            self.result.ended.append((one.experiment, end))
            became = self.conditions.told(end)
        else:
            why = _last_words(one)
            self.result.failed.append((one.experiment, why))
            became = f"failed: {why}"
        self.say(f"{one.experiment}: {became}")

    def _stop(self) -> None:
        """Asks every run to stop where it is; one that takes too long is killed, and can still go on."""
        for one in self.going:
            one.process.terminate()  # not SIGINT, which is ignored where this command runs in the background
        for one in self.going:
            try:
                one.process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                _kill(one)
            _close(one)
        for one in self.going:  # last, since saying something fails where the terminal is gone
            end = one.experiment.end(self.conditions.runs)
            if end:  # it ended just then
                self.result.ended.append((one.experiment, end))
            else:
                self.result.interrupted.append(one.experiment)
                self.say(f"{one.experiment}: interrupted; the same command goes on")
        self.going.clear()


def _start(experiment: Job, conditions: Conditions) -> _Going:
    """The run's process, in a session of its own, so that Ctrl-C reaches only this one.

    Raises:
        SweepError: it cannot be started, or the file for its output cannot be made.
    """
    output = conditions.runs / "output" / f"{experiment.slug}.txt"
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.unlink(missing_ok=True)  # a FIFO in its place would wait for a reader
        with output.open("x") as file:
            process = subprocess.Popen(
                conditions.process(experiment, conditions),
                cwd=ROOT,
                env=measured_environment("kept", threads=1),
                stdin=subprocess.PIPE,  # its end is the run's end: see `urnn.training.owner`
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise SweepError(f"cannot start {experiment}, its output in {output} ({files.reason(error)})") from error
    return _Going(experiment, process, output)


def _last_words(one: _Going) -> str:
    try:
        lines = one.output.read_text(errors="replace").strip().splitlines()
    except OSError:  # removed in the meantime
        lines = []
    return (
        as_line(lines[-1].removeprefix("error: "))
        if lines
        else f"exit code {one.process.returncode}, without a word"
    )


def _kill(one: _Going) -> None:
    """Ends the run's process and the compiler that it may have started."""
    with contextlib.suppress(ProcessLookupError):  # all of them have ended
        os.killpg(one.process.pid, signal.SIGKILL)
    one.process.wait()
    _close(one)


def _close(one: _Going) -> None:
    """Closes this process's end of the run's standard input."""
    if one.process.stdin is not None:
        one.process.stdin.close()


@contextlib.contextmanager
def _sole_trainer(conditions: Conditions) -> Iterator[None]:
    """Holds the folder; two would start the same runs. A process that dies lets go of it."""
    runs = conditions.runs
    with contextlib.ExitStack() as held:
        try:
            runs.mkdir(parents=True, exist_ok=True)
            held.enter_context(sole_holder(runs / "lock"))
        except BusyError as busy:
            raise SweepError(
                f"another `python -m bench {conditions.command}` is at work in {runs} ({busy}); wait until it has "
                "ended, end it, or name another folder with --runs"
            ) from None
        except OSError as error:
            raise SweepError(
                f"cannot write to {runs} ({files.reason(error)}); name another folder with --runs"
            ) from error
        yield


def require_some(done: int, noun: str) -> None:
    """Time that is up ends a command well as long as there is something to report; the rule of all that have it.

    Raises:
        SweepError: nothing is done.
    """
    if not done:
        raise SweepError(f"no {noun} is done, so there is nothing to report; the same command goes on")


def summary(result: Result, planned: int) -> list[str]:
    """What was run and what was not, a sentence a line."""
    done = len(result.before) + len(result.ended)
    lines = [f"{done} of {planned} runs have ended, {len(result.ended)} of them now."]
    if result.interrupted:
        names = "; ".join(str(one) for one in result.interrupted)
        lines.append(f"{len(result.interrupted)} interrupted, to go on with the same command: {names}.")
    if result.not_run:
        waiting = [one for one in result.not_run if isinstance(one, Experiment)]
        counts = Counter(f"{one.set_name}: {models.get(one.model).label}, seed {one.seed}" for one in waiting)
        names = "; ".join(f"{name} ({count})" for name, count in counts.items())
        lines.append(f"{len(result.not_run)} not run, because the time was up: {names}.")
    return lines + [f"failed: {one}: {why}" for one, why in result.failed]
