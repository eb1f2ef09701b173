"""What decides a run's bits: two runs with equal settings on one machine are the same run."""

import os
from dataclasses import dataclass, fields

import torch

from urnn import models
from urnn.training import problems, selecting
from urnn.training.optimisers import require_known

# What a command may change when it goes on with a run; anything else makes it another run. Limits and the goal
# decide where a run ends and have no part in what an iteration does: one whose limit was raised has the parameters
# of one that had the limit from the start. Its log has one evaluation more, at the old limit.
# Who chose the settings decides no bit at all.
MAY_CHANGE = ("max_iterations", "max_seconds", "goal_score", "goal_loss", "protocol")
TUNED, PRESET, GIVEN = PROTOCOLS = ("tuned", "preset", "given")

MOST = 10**9  # of anything that is counted: beyond it there is no such run
MOST_THREADS = max(64, os.cpu_count() or 1)  # OpenMP ends the process where it cannot start so many
# name: option, least, most
WHOLE_NUMBERS = {
    "hidden_size": ("--hidden", 1, MOST),
    "batch": ("--batch", 1, MOST),
    "max_iterations": ("--max-iterations", 1, MOST),
    "evaluate_every": ("--evaluate-every", 1, MOST),
    "threads": ("--threads", 1, MOST_THREADS),
    "seed": ("--seed", 0, 2**63 - 1),  # what a log's readers hold
}
# Far beyond any use, and far enough within float32 that products of them are numbers and not 0.
NUMBERS = {
    "learning_rate": ("--learning-rate", 1e-30, 1e30),
    "slow_rate": ("--slow-rate", 1e-9, 1e6),
    "clip": ("--clip", 1e-30, 1e30),
    "clip_norm": ("--clip-norm", 1e-30, 1e30),
    "max_seconds": ("--max-seconds", 1e-3, 1e9),
    "goal_score": ("--goal-score", 0, 1),
    "goal_loss": ("--goal-loss", 1e-30, 1e30),
    "input_multiplier": ("--input-multiplier", 0, 1e30),
    "unit_multiplier": ("--unit-multiplier", 0, 1e30),
    "gate_rate": ("--gate-rate", 1e-30, 1e30),
}
SELECTED = {"ramp": (0, MOST), "keep_inputs": (1, MOST), "keep_units": (1, MOST), "cut_at": (1, MOST)}
WHOLE_NUMBERS |= {name: (selecting.OPTIONS[name], *bounds) for name, bounds in SELECTED.items()}
OPTIONAL = (  # those that may be None
    *("clip", "clip_norm", "max_seconds", "goal_score", "goal_loss"),
    *selecting.OPTIONS,
)
SHARES = {"decay": "--decay", "momentum": "--momentum"}


@dataclass(frozen=True)
class Settings:
    """A run's settings.

    Attributes:
        task: a key of `problems.PROBLEMS`.
        length: the paper's T; None for images.
        model: a name of `models.every`.
        backend: how a model with several backends is run; None for its own choice.
        hidden_size: hidden units n.
        batch: sequences an iteration.
        seed: of the model's first values and of the training data.
        optimiser: a key of `optimisers.OPTIMISERS`.
        learning_rate: of all parameters but those that the registry names as the model's slow ones.
        slow_rate: the slow ones' learning rate as a multiple of it.
        decay: of RMSprop's and Adam's running mean of squared gradients; SGD has none.
        momentum: of Adam and SGD; RMSprop has none.
        clip: bound on every entry of the gradient, or None.
        clip_norm: bound on the Euclidean norm of the whole gradient, or None; after `clip` where both are given.
        initial: a key of the model's `initialisations`, or None for the model's own first values.
        max_iterations: the run's end if it is not solved before.
        max_seconds: the same in seconds of training alone, evaluation left out; None for no such limit.
        evaluate_every: iterations between two evaluations; each one leaves a checkpoint.
        device: "cpu" or "cuda".
        threads: threads torch may use.
        goal_score: the least validation score that counts as solved, 0 to 1; None for the task's own goal.
        goal_loss: the most validation loss that does, in the loss's unit; None for the task's own goal.
        protocol: who chose the settings: "tuned" (`urnn.training.tuned`), "preset" (the paper's, or those of
            `presets` where it has none) or "given" (this run's user).
        select_neurons: how units are selected, a key of `selecting.WAYS`; None for a net that keeps all. What
            follows is None without it, and where that way has no such setting.
        input_multiplier, unit_multiplier: of the penalty on inputs and on units.
        gate_rate: the gates' learning rate.
        ramp: iterations in which the penalty grows from nothing to its full size.
        keep_inputs, keep_units: how many a cut leaves.
        cut_at: iterations before the cut; those after it are trained with what is left.

    Raises:
        ValueError: a value out of its range.
        RuntimeError: the device is absent.

    Example:
        >>> from dataclasses import asdict
        >>> from urnn.training.presets import preset
        >>> from urnn.training.settings import Settings
        >>> chosen = asdict(preset("copying", "urnn", length=10))
        >>> run = {"task": "copying", "length": 10, "model": "urnn", "backend": None, "seed": 0}
        >>> settings = Settings(**run, **chosen, evaluate_every=50, device="cpu", threads=1)
        >>> settings.hidden_size
        128
    """

    task: str
    length: int | None
    model: str
    backend: str | None
    hidden_size: int
    batch: int
    seed: int
    optimiser: str
    learning_rate: float
    slow_rate: float
    decay: float
    momentum: float
    clip: float | None
    max_iterations: int
    evaluate_every: int
    device: str
    threads: int
    clip_norm: float | None = None
    initial: str | None = None
    max_seconds: float | None = None
    goal_score: float | None = None
    goal_loss: float | None = None
    protocol: str = GIVEN
    select_neurons: str | None = None
    input_multiplier: float | None = None
    unit_multiplier: float | None = None
    gate_rate: float | None = None
    ramp: int | None = None
    keep_inputs: int | None = None
    keep_units: int | None = None
    cut_at: int | None = None

    def __post_init__(self) -> None:
        problems.require_known(self.task)
        model = models.get(self.model)
        if self.initial is not None and self.initial not in model.initialisations:
            if not model.initialisations:
                raise ValueError(
                    f"--initial names first values that are published for a model, and {self.model} has none; "
                    f"leave it out, got {self.initial!r}"
                )
            known = ", ".join(model.initialisations)
            raise ValueError(f"--initial of {self.model} must be one of {known}, got {self.initial!r}")
        require_known(self.optimiser)
        for name, (option, least, most) in WHOLE_NUMBERS.items():
            value = getattr(self, name)
            holds = name in OPTIONAL if value is None else least <= value <= most
            _require(option, value, holds, f"a whole number from {least} to {most}")
        for name, (option, low, high) in NUMBERS.items():
            value = getattr(self, name)
            off = ", or 0 for none" if name in ("clip", "clip_norm") else ""
            holds = name in OPTIONAL if value is None else low <= value <= high
            _require(option, value, holds, f"a number from {low} to {high}{off}")
        for name, option in SHARES.items():
            value = getattr(self, name)
            _require(option, value, 0 <= value < 1, "a number of at least 0 and less than 1")
        _require("--device", self.device, self.device in ("cpu", "cuda"), "cpu or cuda")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("device 'cuda' was asked for and torch sees no CUDA device here; use --device cpu")

        selecting.require(self.select_neurons, self.model, self.backend, self.selection)
        if self.cut_at is not None and self.cut_at >= self.max_iterations:
            raise ValueError(
                f"--cut-at must be less than --max-iterations {self.max_iterations}, so that what is left is "
                f"trained, got {self.cut_at}"
            )

    @property
    def selection(self) -> dict[str, float | int | None]:
        """The settings of the selection of units."""
        return {name: getattr(self, name) for name in selecting.OPTIONS}

    def as_dict(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _require(option: str, value: object, holds: bool, wanted: str) -> None:
    """Not a number holds nowhere: every comparison with it is false."""
    if not holds:
        raise ValueError(f"{option} must be {wanted}, got {value}")
