"""A run from its start, or from where it was left, to its end.

An evaluation is written to the log first and to the checkpoint second. A process killed between the two leaves one
line too many, which is dropped when the run is resumed; the other way round a line would be missing for good.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urnn.pruning import NotUnitaryWarning
from urnn.tasks import Words
from urnn.training import anatomy, checkpoint, facts, files
from urnn.training.display import Display, as_result, counted
from urnn.training.errors import DivergedError, TrainingError
from urnn.training.improvement import still_improving
from urnn.training.interruption import Stop
from urnn.training.log import Log
from urnn.training.probe import probe
from urnn.training.settings import MAY_CHANGE
from urnn.training.trainer import Trainer


@dataclass(frozen=True)
class End:
    """How a run ended: outcome is "solved", "finished", "not finished", "diverged" or "interrupted".

    "finished" is a run that came to its limit on a plateau or after it had met its goal, "not finished" one that
    had not and was still improving; see `improvement`.
    """

    outcome: str
    message: str


class Run:
    """A trainer bound to its folder.

    Args:
        with_anatomy: log `anatomy.dissect` at its moments; no part of what decides the bits.
        with_test: score the test data at the end; a trial of settings must not, and its seconds are better spent.
        require_own: raises TrainingError where the folder is another process's; asked before each writing.
    """

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        display: Display,
        *,
        with_anatomy: bool = False,
        with_test: bool = True,
        require_own: Callable[[], None] = lambda: None,
    ) -> None:
        self.trainer, self.folder, self.display, self.with_anatomy = trainer, folder, display, with_anatomy
        self.with_test, self.require_own = with_test, require_own
        self.log = Log(folder)
        settings = {**trainer.settings.as_dict(), "length": trainer.problem.length}
        settings["backend"] = trainer.network.backend_in_use
        self.identity = {name: value for name, value in settings.items() if name not in MAY_CHANGE}
        if trainer.problem.data:
            self.identity["data"] = trainer.problem.data

    def forget(self) -> None:
        """Removes the folder's log and checkpoint, so that the run starts over."""
        for name in (checkpoint.NAME, self.log.path.name):
            files.remove(self.folder / name)

    def to_its_end(self, stop: Stop) -> End:
        """Resumes the run where its folder left it, and trains until it ends or `stop` is asked for.

        Raises:
            TrainingError: the folder's checkpoint is damaged or of another run, or the disk is full.
        """
        state = checkpoint.load(self.folder, self.identity)
        if state is None:
            self._start()
        else:
            self._load(state)
            if ended := self._ended_before():
                self.display.say(f"this run has ended before, {self.folder} keeps it; --fresh starts over")
                return ended
            self._go_on()
        try:
            return self._train(stop)
        except DivergedError as error:
            return self._diverged(error)

    def _start(self) -> None:
        if any(line["kind"] == "evaluation" for line in self.log.lines()):  # a killed process leaves none
            raise TrainingError(
                f"{self.log.path} has evaluations and {checkpoint.NAME} is missing beside it; "
                f"put it back, or {checkpoint.ADVICE}"
            )
        self.log.start(facts.of_run(self.trainer))
        self._dissect()
        self._save()

    def _load(self, state: dict[str, Any]) -> None:
        path, last = self.folder / checkpoint.NAME, self.trainer.settings.max_iterations
        try:
            self.trainer.load_state_dict(state)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{path} does not fit this model ({type(error).__name__}); {checkpoint.ADVICE}"
            ) from error
        done = self.trainer.progress.iteration
        if done > last:
            raise TrainingError(
                f"--max-iterations must be at least {done} here, which {path} has reached, got {last}; "
                f"{checkpoint.ADVICE}"
            )

    def _ended_before(self) -> End | None:
        """The end in the log, unless it was the limit or the goal, and that is another one now."""
        end, first = self.log.own_end(), self.log.first()
        if end is None or first is None:
            return None
        goal = self.trainer.goal.as_dict()
        other_goal = first.get("goal", goal) != goal  # a log from before logs had goals has the task's own
        stopped = ("finished", "not finished")
        goes_on = {"solved": other_goal, "diverged": False} | dict.fromkeys(
            stopped, other_goal or not self._at_limit()
        )
        return None if goes_on[end["outcome"]] else End(end["outcome"], end["message"])

    def _at_limit(self) -> bool:
        progress, settings = self.trainer.progress, self.trainer.settings
        out_of_time = settings.max_seconds is not None and progress.seconds >= settings.max_seconds
        return out_of_time or progress.iteration >= settings.max_iterations

    def _go_on(self) -> None:
        iteration = self.trainer.progress.iteration
        damaged = self.log.cut_after(iteration, facts.changeable(self.trainer), self.trainer.solves)
        if damaged:
            numbers = ", ".join(map(str, damaged))
            self.display.say(f"damaged lines of {self.log.path} are left out: {numbers}")
        if iteration:
            self.display.say(f"going on after iteration {iteration}, from {self.folder}")

    def _train(self, stop: Stop) -> End:
        trainer, settings = self.trainer, self.trainer.settings
        while not (outcome := self._outcome()):
            if stop.asked:
                return self._interrupted()
            trainer.iterate()
            iteration = trainer.progress.iteration
            self.display.iterated(trainer.progress)
            if iteration in anatomy.MOMENTS:
                self._dissect()
            if iteration % settings.evaluate_every == 0 or self._at_limit():
                self._evaluate()
                self._save()
        return self._ended(outcome)

    def _outcome(self) -> str | None:
        progress = self.trainer.progress
        if self.trainer.goal.ends_training and self.trainer.solved:
            return "solved"
        if not self._at_limit():
            return None
        unsolved = self.log.first_solved() is None
        improving = unsolved and still_improving(self.log.evaluations(), progress.iteration)
        return "not finished" if improving else "finished"

    def _append(self, kind: str, **values: object) -> None:
        self.require_own()
        self.log.append(kind, **values)

    def _evaluate(self) -> None:
        progress = self.trainer.progress
        rate = progress.iterations_per_second
        train_loss = self.trainer.evaluate()
        self._append(
            "evaluation",
            iteration=progress.iteration,
            seconds=progress.seconds,
            train_loss=train_loss,
            **progress.evaluation(),
            iterations_per_second=rate,
            solved=self.trainer.solved,
            **self.trainer.selected(),
        )
        self.display.evaluated(progress, rate)

    def _dissect(self) -> None:
        if self.with_anatomy:
            trainer = self.trainer
            x, target = next(trainer.problem.validation())
            batch = x[:, : trainer.settings.batch], target[..., : trainer.settings.batch]
            with trainer.network.evaluating():
                found = anatomy.dissect(trainer.network, trainer.on_device(batch))
            self._append("anatomy", iteration=trainer.progress.iteration, **found)

    def _save(self) -> None:
        if not self.trainer.is_finite():
            iteration = self.trainer.progress.iteration
            raise DivergedError(f"a parameter is not finite after iteration {iteration}")
        self.require_own()
        checkpoint.save(self.folder, self.identity, self.trainer.state_dict())

    def _ended(self, outcome: str) -> End:
        trainer, problem = self.trainer, self.trainer.problem
        ended = f"{outcome}{' and still improving' * (outcome == 'not finished')} after "
        ended += counted(trainer.progress.iteration, "iteration")
        if not self.with_test:
            return self._log_end(outcome, lambda folder: f"{ended}; not scored on test data")
        found = trainer.scores(problem.test())
        longer = {steps: trainer.scores(batches()) for steps, batches in problem.longer.items()}
        with trainer.network.evaluating():
            probes = (
                probe(trainer.network.rnn, problem.task, trainer.settings.device)
                if isinstance(problem.task, Words)
                else []
            )
        compacted, about = self._compacted()
        result = as_result(problem, found.loss, found.score)
        beyond = "".join(f", {one.score:.1%} at {steps} time steps" for steps, one in longer.items())
        return self._log_end(
            outcome,
            lambda folder: f"{ended}; on test data: {result}{beyond}{about}",
            test_loss=found.loss,
            test_score=found.score,
            longer_tests=[{"steps": steps, "loss": one.loss, "score": one.score} for steps, one in longer.items()],
            probes=probes,
            **compacted,
        )

    def _compacted(self) -> tuple[dict[str, Any], str]:
        """What the end says of the smaller net, and in words: nothing where units were not selected."""
        trainer = self.trainer
        if trainer.network.selection is None:
            return {}, ""
        try:
            with warnings.catch_warnings():  # the sentence below says it
                warnings.simplefilter("ignore", NotUnitaryWarning)
                small = trainer.network.compacted()
        except ValueError as nothing_left:
            return {"compacted": None}, f"; {nothing_left}"
        cut_at, found = trainer.settings.cut_at, trainer.scores(trainer.problem.test(), small)
        what = {**trainer.selected(), "parameters": small.parameter_count}
        about = {**what, "test_loss": found.loss, "test_score": found.score}
        values = what.get("singular_values")
        unitary = (
            f"; its matrix is not unitary: singular values {values['least']:.3f} to {values['largest']:.3f}"
            if values
            else ""
        )
        return {"compacted": about}, (
            f"; cut to {counted(len(what['kept_inputs']), 'input')} and "
            f"{counted(sum(what['kept_units']), 'unit')}, "
            f"{what['parameters']:,} parameters: {trainer.problem.task.score_name} {found.score:.1%}{unitary}"
            + (f"; it ended before --cut-at {cut_at}" if trainer.progress.iteration < (cut_at or 0) else "")
        )

    def _interrupted(self) -> End:
        self._save()
        iteration = self.trainer.progress.iteration
        return self._log_end(
            "interrupted",
            lambda folder: (
                f"interrupted after iteration {iteration}; {folder} keeps it, and the same command goes on"
            ),
        )

    def _diverged(self, error: DivergedError) -> End:
        return self._log_end(
            "diverged",
            lambda folder: (
                f"diverged: {error}; {folder / checkpoint.NAME} keeps the last good state; "
                "try a smaller --learning-rate or a --clip, with --fresh"
            ),
        )

    def _log_end(
        self,
        outcome: str,
        message: Callable[[Path], str],
        test_loss: float | None = None,
        test_score: float | None = None,
        longer_tests: Sequence[Mapping[str, int | float]] = (),
        probes: Sequence[Mapping[str, str | int | float | None]] = (),
        **more: object,
    ) -> End:
        """Logs the end.

        Args:
            message: the folder as it is to be named -> how the run ended. The user reads its whole path; the log,
                which may be read on another machine, has its name alone.
            longer_tests: steps, loss and score on test sequences of each length beyond those trained on.
            probes: what `probe` found in the states.
            more: `compacted`, where units were selected.
        """
        self.require_own()
        progress, solved = self.trainer.progress, self.log.first_solved() or {}
        self._append(
            "end",
            iteration=progress.iteration,
            seconds=progress.seconds,
            outcome=outcome,
            message=message(Path(self.folder.name)),
            test_loss=test_loss,
            test_score=test_score,
            longer_tests=list(longer_tests),
            probes=list(probes),
            solved_iteration=solved.get("iteration"),
            solved_seconds=solved.get("seconds"),
            **more,
        )
        return End(outcome, message(self.folder))
