"""What decides a run's bits: two runs with equal settings on one machine are the same run."""

from dataclasses import dataclass, fields

import torch

from urnn import models
from urnn.training import problems
from urnn.training.optimisers import require_known

# What a command may change when it goes on with a run; anything else makes it another run. How long a run is has
# no part in what an iteration does: one whose limit was raised has the parameters of one that had the limit from
# the start. Its log has one evaluation more, at the old limit.
MAY_CHANGE = ("max_iterations",)


@dataclass(frozen=True)
class Settings:
    """A run's settings.

    Attributes:
        task: a key of `problems.PROBLEMS`.
        length: the paper's T; None for images.
        model: a key of `models.MODELS`.
        backend: how a model with several backends is run; None for its own choice.
        hidden_size: hidden units n.
        batch: sequences an iteration.
        seed: of the model's first values and of the training data, at least 0.
        optimiser: a key of `optimisers.OPTIMISERS`.
        learning_rate: of all parameters but those that the registry names as the model's slow ones.
        slow_rate: the slow ones' learning rate as a multiple of it.
        decay: of RMSprop's and Adam's running mean of squared gradients; SGD has none.
        momentum: of Adam and SGD; RMSprop has none.
        clip: bound on every entry of the gradient, or None.
        max_iterations: the run's end if it is not solved before.
        evaluate_every: iterations between two evaluations; each one leaves a checkpoint.
        device: "cpu" or "cuda".
        threads: threads torch may use.

    Raises:
        ValueError: a value out of its range.
        RuntimeError: the device is absent.
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

    def __post_init__(self) -> None:
        problems.require_known(self.task)
        models.get(self.model)
        require_known(self.optimiser)
        for name in ("hidden_size", "batch", "max_iterations", "evaluate_every", "threads"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        self._require("seed", self.seed >= 0, "at least 0")
        for name in ("learning_rate", "slow_rate"):
            self._require(name, getattr(self, name) > 0, "more than 0")
        for name in ("decay", "momentum"):
            self._require(name, 0 <= getattr(self, name) < 1, "at least 0 and less than 1")
        self._require("clip", self.clip is None or self.clip > 0, "more than 0")
        self._require("device", self.device in ("cpu", "cuda"), "cpu or cuda")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("device 'cuda' was asked for and torch sees no CUDA device here; use --device cpu")

    def _require(self, name: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise ValueError(f"{name} must be {wanted}, got {getattr(self, name)}")

    def as_dict(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}
