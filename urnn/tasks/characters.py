"""Real text a character at a time: after each one, which comes next (as in Mikolov et al. 2012, on Penn Treebank).

A sequence is a piece of the text, and every model starts it without a memory of what came before.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from urnn.shapes import Float, Int
from urnn.tasks.answers import Classes
from urnn.tasks.text import Text, manual

COUNTED = 10**6  # characters at a time, so that counting a long text needs little memory


class Characters(Classes):
    """Pieces of `length` characters of a text, Python's manual unless another is given.

    Attributes:
        input_size: 97, a one-hot of the characters that `urnn.tasks.text` tells apart; 27 of letters alone.
        output_size: the same.
        baseline: the loss without memory, on validation data: frequencies of the next character given the present
            one, counted over the training part, one added to each.
        baseline_score: the accuracy there of answering what most often follows in the training part.
        unigram_bits: the loss there without even the present character: frequencies over the training part alone.

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

    loss_name = "cross-entropy (bits per character)"
    score_name = "accuracy over all characters"

    def __init__(self, length: int, text: Text | None = None) -> None:
        self.length, self.text = length, text or manual()
        most = min(map(len, (self.text.train, self.text.validation, self.text.test))) - 1
        if not 1 <= length <= most:
            raise ValueError(
                f"length must be from 1 to {most} characters, as many as a part of the text has, got {length}"
            )
        self.input_size = self.output_size = self.text.kinds
        self.baseline, self.baseline_score, self.unigram_bits = _without_memory(self.text)

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Float[Tensor, "T B m"], Int[Tensor, "T B"]]:
        """Pieces of the training part that begin anywhere, one-hot float32, and the characters that follow."""
        first = torch.randint(len(self.text.train) - self.length, (batch,), generator=generator)
        return self._pieces(self.text.train, first)

    def in_order(
        self, part: Int[Tensor, " N"], batch: int
    ) -> Iterator[tuple[Float[Tensor, "T B m"], Int[Tensor, "T B"]]]:
        """A part of the text from its start, piece by piece; what fills no piece at its end is left out."""
        for first in torch.arange(0, len(part) - self.length, self.length).split(batch):
            yield self._pieces(part, first)

    def loss(self, logits: Float[Tensor, "T B k"], target: Int[Tensor, "T B"]) -> Float[Tensor, ""]:
        """Cross-entropy in bits, the mean over every character."""
        return super().loss(logits, target) / math.log(2)

    def _pieces(
        self, part: Int[Tensor, " N"], first: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "T B m"], Int[Tensor, "T B"]]:
        """The pieces that begin at `first`, and the same pieces one character on."""
        places = first + torch.arange(self.length)[:, None]
        shown = torch.nn.functional.one_hot(part[places].long(), self.text.kinds).float()
        return shown, part[places + 1].long()


def _without_memory(text: Text) -> tuple[float, float, float]:
    """Bits per character and accuracy of a model that knows the present character alone; bits without even it."""
    kinds = text.kinds
    counts = torch.zeros(kinds, kinds, dtype=torch.float64)
    for now, then in zip(text.train[:-1].split(COUNTED), text.train[1:].split(COUNTED), strict=True):
        counts += (kinds * now.long() + then).bincount(minlength=kinds**2).view(kinds, kinds)
    known = (1 + counts) / (1 + counts).sum(1, keepdim=True)
    alone = (1 + counts.sum(0)) / (1 + counts.sum(0)).sum()
    now, then = text.validation[:-1].long(), text.validation[1:].long()
    right = float((counts[now].argmax(1) == then).double().mean())
    return float(-known[now, then].log2().mean()), right, float(-alone[then].log2().mean())
