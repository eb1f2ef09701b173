"""One run's state and its two moves: an iteration, and a score on held-out data.

Everything that the next iteration depends on is in `state_dict`; were something left out, a run taken up again
would end elsewhere.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from urnn import models
from urnn.pruning import MagnitudePruning
from urnn.pruning.selection import Selection
from urnn.training import optimisers, seeds, selecting
from urnn.training.errors import DivergedError
from urnn.training.network import Network
from urnn.training.problems import Problem
from urnn.training.settings import Settings
from urnn.training.streams import Batch


@dataclass
class Progress:
    """How far a run is. Seconds are of training alone by `clock_of`, summed over resumptions.

    Attributes:
        iteration: iterations done.
        seconds: what they took.
        window_iterations, window_seconds, window_loss: the iterations since the last evaluation, what they took
            and the sum of their losses.
        loss, score, score_all: of the last evaluation; loss is infinite before the first.

    Example:
        >>> from urnn.training.trainer import Progress
        >>> Progress(iteration=100, seconds=4.0).iterations_per_second
        25.0
        >>> Progress().evaluated
        False
    """

    iteration: int = 0
    seconds: float = 0.0
    window_iterations: int = 0
    window_seconds: float = 0.0
    window_loss: float = 0.0
    loss: float = math.inf
    score: float = 0.0
    score_all: float | None = None

    @property
    def evaluated(self) -> bool:
        """Whether there has been an evaluation yet."""
        return math.isfinite(self.loss)

    def evaluation(self) -> dict[str, float | None]:
        """What the last evaluation found, with its names in the log."""
        return {"loss": self.loss, "score": self.score, "score_all": self.score_all}

    @property
    def iterations_per_second(self) -> float:
        """Since the last evaluation, or over all where there was none since."""
        if self.window_iterations:
            return self.window_iterations / self.window_seconds
        return self.iteration / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Scores:
    """Means over held-out sequences; score_all is None where a task has one answer a sequence.

    Example:
        >>> from urnn.training.trainer import Scores
        >>> Scores(loss=0.1, score=0.99, score_all=None).score
        0.99
    """

    loss: float
    score: float
    score_all: float | None


def clock_of(settings: Settings) -> Callable[[], float]:
    """The processor's time where training is one thread on a CPU, so that other programs cost it no seconds.

    Elsewhere it is the time on the wall: threads work at once, and a GPU's work is not the processor's.

    Example:
        >>> import time
        >>> from dataclasses import asdict
        >>> from urnn.training.presets import preset
        >>> from urnn.training.settings import Settings
        >>> from urnn.training.trainer import clock_of
        >>> run = {"task": "copying", "length": 5, "model": "urnn", "backend": "reference", "seed": 0}
        >>> common = {**run, **asdict(preset("copying", "urnn", length=5)), "evaluate_every": 50, "device": "cpu"}
        >>> clock_of(Settings(**common, threads=1)) is time.process_time
        True
        >>> clock_of(Settings(**common, threads=2)) is time.perf_counter
        True
    """
    alone = settings.device == "cpu" and settings.threads == 1
    return time.process_time if alone else time.perf_counter


class Trainer:
    """A problem, a network and an optimiser, drawn from the settings' seed.

    Raises:
        ValueError: settings that the model or the problem's data cannot have.

    Example:
        >>> from dataclasses import asdict, replace
        >>> from pathlib import Path
        >>> from urnn.training import problems
        >>> from urnn.training.presets import preset
        >>> from urnn.training.settings import Settings
        >>> from urnn.training.trainer import Trainer
        >>> run = {"task": "copying", "length": 5, "model": "urnn", "backend": "reference", "seed": 0}
        >>> small = replace(preset("copying", "urnn", length=5), hidden_size=4)
        >>> settings = Settings(**run, **asdict(small), evaluate_every=50, device="cpu", threads=1)
        >>> trainer = Trainer(settings, problems.build("copying", 5, Path("mnist")))
        >>> trainer.iterate()
        >>> trainer.progress.iteration
        1
    """

    def __init__(self, settings: Settings, problem: Problem, clock: Callable[[], float] | None = None) -> None:
        torch.manual_seed(seeds.derived(settings.seed, "model"))
        row = models.get(settings.model)
        self.settings, self.problem, self._clock = settings, problem, clock or clock_of(settings)
        self.goal = problem.goal_with(settings.goal_score, settings.goal_loss)
        self.network = Network(row, settings.hidden_size, problem.task, settings.backend, settings.device)
        if settings.initial is not None:
            row.initialisations[settings.initial](self.network.rnn, problem.length)
        slow = list(row.slow_parameters(self.network.rnn))
        if settings.select_neurons is not None:
            self.network.rnn = selecting.wrapped(
                settings.select_neurons, settings.model, self.network.rnn, settings.selection
            )
            selecting.require_cut(self.network.rnn, settings.selection)
        self.has_slow_parameters, selection = bool(slow), self.network.selection
        self.optimiser = optimisers.build(
            settings.optimiser,
            self.network,
            slow,
            learning_rate=settings.learning_rate,
            slow_rate=settings.slow_rate,
            decay=settings.decay,
            momentum=settings.momentum,
            gates=selection.gate_parameters() if selection is not None else (),
            gate_rate=settings.gate_rate,
        )
        self.stream = problem.stream(settings.batch, seeds.generator(settings.seed, "training data"))
        self.progress = Progress()

    def iterate(self) -> None:
        """One step of the optimiser.

        Raises:
            DivergedError: the loss is not finite; the parameters are as they were before.
        """
        begin, progress = self._clock(), self.progress
        x, target = self.on_device(self.stream.draw())
        loss = self.problem.task.loss(self.network(x), target)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergedError(f"the training loss is {value} at iteration {progress.iteration + 1}")
        self.optimiser.zero_grad(set_to_none=True)
        (loss if self.network.selection is None else loss + self._penalty(self.network.selection)).backward()
        if self.settings.clip is not None:
            nn.utils.clip_grad_value_(self.network.parameters(), self.settings.clip)
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self.optimiser.step()
        if progress.iteration + 1 == self.settings.cut_at:
            self._cut()
        seconds = self._clock() - begin
        progress.iteration += 1
        progress.seconds += seconds
        progress.window_iterations += 1
        progress.window_seconds += seconds
        progress.window_loss += value

    def _penalty(self, selection: Selection) -> Tensor:
        """What the loss grows by: the selection's penalty, or the share of it that the ramp has come to."""
        ramp = self.settings.ramp
        share = min(1.0, (self.progress.iteration + 1) / ramp) if ramp else 1.0
        return share * selection.penalty(self.network.read_out)

    def _cut(self) -> None:
        pruning, settings = self.network.rnn, self.settings
        assert isinstance(pruning, MagnitudePruning)
        assert settings.keep_inputs is not None
        assert settings.keep_units is not None
        try:
            pruning.cut(inputs=settings.keep_inputs, units=[settings.keep_units], read_out=self.network.read_out)
        except ValueError as not_finite:
            raise DivergedError(f"{not_finite}; iteration {settings.cut_at}") from not_finite

    @torch.no_grad()
    def scores(self, batches: Iterable[Batch], network: Network | None = None) -> Scores:
        """Loss and scores over the batches, each weighted by its sequences; of another network if one is given."""
        network = network or self.network
        with network.evaluating():
            return self._scores(batches, network)

    def _scores(self, batches: Iterable[Batch], network: Network) -> Scores:
        task, count = self.problem.task, 0
        loss = score = score_all = 0.0
        for batch in batches:
            x, target = self.on_device(batch)
            logits, size = network(x), x.shape[1]
            count += size
            loss += size * float(task.loss(logits, target))
            score += size * task.score(logits, target)
            score_all += size * task.score_all(logits, target) if task.score_all else 0.0
        return Scores(loss / count, score / count, score_all / count if task.score_all else None)

    def evaluate(self) -> float:
        """Scores the validation data into `progress`, opens a new window, and returns the old one's mean loss.

        Raises:
            DivergedError: the loss is not finite.
        """
        progress, found = self.progress, self.scores(self.problem.validation())
        if not math.isfinite(found.loss):
            raise DivergedError(f"the validation loss is {found.loss} after iteration {progress.iteration}")
        mean_loss = progress.window_loss / max(1, progress.window_iterations)
        progress.loss, progress.score, progress.score_all = found.loss, found.score, found.score_all
        progress.window_iterations, progress.window_seconds, progress.window_loss = 0, 0.0, 0.0
        return mean_loss

    def solves(self, iteration: int, evaluation: Mapping[str, object]) -> bool:
        """Whether an evaluation after that iteration meets the goal; before a cut the net is not yet the one asked
        for, whatever it scores."""
        return self.goal.met(evaluation) and iteration >= (self.settings.cut_at or 0)

    @property
    def solved(self) -> bool:
        """Whether the last evaluation does."""
        progress = self.progress
        evaluated_at = progress.iteration - progress.window_iterations
        return progress.evaluated and self.solves(evaluated_at, progress.evaluation())

    def selected(self) -> dict[str, Any]:
        """What a log says of the units that are selected; nothing where none are."""
        selection = self.network.selection
        return {} if selection is None else selecting.described(selection, self.problem.task.output_size)

    def is_finite(self) -> bool:
        """Whether every parameter is a number: a checkpoint of others would be worth nothing."""
        return all(bool(parameter.isfinite().all()) for parameter in self.network.parameters())

    def state_dict(self) -> dict[str, Any]:
        on_gpu = {"gpu_generator": torch.cuda.get_rng_state()} if self.settings.device == "cuda" else {}
        return {
            **on_gpu,  # gates are drawn there
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "stream": self.stream.state_dict(),
            "torch_generator": torch.get_rng_state(),
            "progress": asdict(self.progress),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.stream.load_state_dict(state["stream"])
        torch.set_rng_state(state["torch_generator"])
        if self.settings.device == "cuda" and "gpu_generator" in state:  # one from before has none
            torch.cuda.set_rng_state(state["gpu_generator"])
        self.progress = Progress(**state["progress"])

    def on_device(self, batch: Batch) -> Batch:
        x, target = batch
        return x.to(self.settings.device), target.to(self.settings.device)
