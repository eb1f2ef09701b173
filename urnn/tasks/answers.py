"""What tasks whose answer is a class share: their loss and their score."""

from torch import Tensor
from torch.nn import functional

from urnn.shapes import Float, Int


def cross_entropy(logits: Float[Tensor, "... k"], target: Int[Tensor, "..."]) -> Float[Tensor, ""]:
    """Cross-entropy in nats, the mean over every answer.

    Example:
        >>> import torch
        >>> from urnn.tasks.answers import cross_entropy
        >>> cross_entropy(torch.zeros(5, 3, 2), torch.ones(5, 3, dtype=torch.int64))  # ln 2
        tensor(0.6931)
    """
    return functional.cross_entropy(logits.flatten(0, -2), target.flatten())


def share_right(logits: Float[Tensor, "... k"], target: Int[Tensor, "..."]) -> float:
    """Share of the answers whose likeliest class is right.

    Example:
        >>> import torch
        >>> from urnn.tasks.answers import share_right
        >>> share_right(torch.tensor([[0.2, 0.1], [0.4, 0.3]]), torch.tensor([0, 1]))
        0.5
    """
    return float((logits.argmax(-1) == target).double().mean())
