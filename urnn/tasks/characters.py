"""Real text a character at a time: after each one, which comes next (as in Mikolov et al. 2012, on Penn Treebank).

A sequence is a piece of the text, and every model starts it without a memory of what came before.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from urnn.shapes import Float, Int
from urnn.tasks.answers import Classes
from urnn.tasks.text import SYMBOLS, Text, manual


class Characters(Classes):
    """Pieces of `length` characters of a text, Python's manual unless another is given.

    Attributes:
        input_size: 97, a one-hot of the characters that `urnn.tasks.text` tells apart.
        output_size: 97, the same.
        baseline: the loss without memory, on validation data: frequencies of the next character given the present
            one, counted over the training part, one added to each.
        baseline_score: the accuracy there of answering what most often follows in the training part.

    Raises:
        ValueError: a length that the shortest part of the text does not have, with a character to follow it.

    Example:
        >>> import torch
        >>> from urnn.tasks import Characters
        >>> task = Characters(length=100)
        >>> x, target = task.sample(20, torch.Generator().manual_seed(0))
        >>> x.shape, target.shape
        (torch.Size([100, 20, 97]), torch.Size([100, 20]))
        >>> torch.equal(x[1:].argmax(-1), target[:-1])
        True
    """

    input_size = output_size = SYMBOLS
    loss_name = "cross-entropy (bits per character)"
    score_name = "accuracy over all characters"

    def __init__(self, length: int, text: Text | None = None) -> None:
        self.length, self.text = length, text or manual()
        most = min(map(len, (self.text.train, self.text.validation, self.text.test))) - 1
        if not 1 <= length <= most:
            raise ValueError(
                f"length must be from 1 to {most} characters, as many as a part of the text has, got {length}"
            )
        self.baseline, self.baseline_score = _without_memory(self.text)

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Float[Tensor, "T B m"], Int[Tensor, "T B"]]:
        """Pieces of the training part that begin anywhere, one-hot float32, and the characters that follow."""
        first = torch.randint(len(self.text.train) - self.length, (batch,), generator=generator)
        return _pieces(self.text.train, first, self.length)

    def in_order(
        self, part: Int[Tensor, " N"], batch: int
    ) -> Iterator[tuple[Float[Tensor, "T B m"], Int[Tensor, "T B"]]]:
        """A part of the text from its start, piece by piece; what fills no piece at its end is left out."""
        for first in torch.arange(0, len(part) - self.length, self.length).split(batch):
            yield _pieces(part, first, self.length)

    def loss(self, logits: Float[Tensor, "T B k"], target: Int[Tensor, "T B"]) -> Float[Tensor, ""]:
        """Cross-entropy in bits, the mean over every character."""
        return super().loss(logits, target) / math.log(2)


def _pieces(
    part: Int[Tensor, " N"], first: Int[Tensor, " B"], length: int
) -> tuple[Float[Tensor, "{length} B m"], Int[Tensor, "{length} B"]]:
    """The pieces that begin at `first`, and the same pieces one character on."""
    places = first + torch.arange(length)[:, None]
    return torch.nn.functional.one_hot(part[places], SYMBOLS).float(), part[places + 1]


def _without_memory(text: Text) -> tuple[float, float]:
    """Bits per character and accuracy of a model that knows the present character alone."""
    pairs = SYMBOLS * text.train[:-1] + text.train[1:]
    counts = pairs.bincount(minlength=SYMBOLS**2).view(SYMBOLS, SYMBOLS).double()
    known = (1 + counts) / (1 + counts).sum(1, keepdim=True)
    now, then = text.validation[:-1], text.validation[1:]
    bits = float(-known[now, then].log2().mean())
    return bits, float((counts[now].argmax(1) == then).double().mean())
