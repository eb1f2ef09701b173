"""What tasks whose answers are classes share: their loss, their score, and that every step is an answer."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from urnn.shapes import Float, Int


class Classes:
    """A task's answers, one class a step, unless it says otherwise.

    Attributes:
        score_all: a score over all steps, where `score` leaves out some that have an answer; else None.

    Example:
        >>> import torch
        >>> from urnn.tasks.answers import Classes
        >>> answers = Classes()
        >>> answers.loss(torch.zeros(5, 3, 2), torch.ones(5, 3, dtype=torch.int64))  # ln 2
        tensor(0.6931)
        >>> answers.score(torch.tensor([[0.2, 0.1], [0.4, 0.3]]), torch.tensor([0, 1]))
        0.5
    """

    loss_name = "cross-entropy (nats)"
    score_all: Callable[[Tensor, Tensor], float] | None = None

    def loss(self, logits: Float[Tensor, "... k"], target: Int[Tensor, "..."]) -> Float[Tensor, ""]:
        """Cross-entropy in nats, the mean over every answer."""
        return functional.cross_entropy(logits.flatten(0, -2), target.flatten())

    def score(self, logits: Float[Tensor, "... k"], target: Int[Tensor, "..."]) -> float:
        """Share of the answers whose likeliest class is right."""
        return float((logits.argmax(-1) == target).double().mean())

    @staticmethod
    def read(
        output: Float[Tensor, "T B features"], last: Float[Tensor, "B features"]
    ) -> Float[Tensor, "... features"]:
        """What the read-out looks at, of a model's output and its last step: every step."""
        return output
