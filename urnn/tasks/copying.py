"""The copying memory task (Hochreiter, Schmidhuber 1997; as set in Arjovsky, Shah, Bengio 2015, section 5.1).

Ten symbols are shown, then blanks, then a marker asks for the ten symbols. The only way to score is to remember
them over the blanks.
"""

import math

import torch
from torch import Tensor

from urnn.shapes import Float, Int
from urnn.tasks.answers import Classes

SYMBOLS = 8
RECALL = 10
BLANK, MARKER = SYMBOLS, SYMBOLS + 1


class Copying(Classes):
    """Sequences of `length` time steps, of which 10 show symbols, 10 recall them, and the rest wait.

    The paper's T counts the wait, so its sequences have T + 20 steps. Sequences shorter than 21 steps carry
    fewer symbols: a third of the steps, at least 1 once there are 3 steps.

    Attributes:
        input_size: 10, a one-hot of 8 symbols, the blank and the marker.
        output_size: 9, the 8 symbols and the blank.
        baseline: the loss without memory, recall ln 8 / length: blanks where blanks are due, then any symbol.
        baseline_score: the score without memory, 1/8.

    Raises:
        ValueError: a length below 1.

    Example:
        >>> import torch
        >>> from urnn.tasks import Copying
        >>> task = Copying(length=120)  # the paper's T = 100
        >>> x, target = task.sample(20, torch.Generator().manual_seed(0))
        >>> x.shape, target.shape
        (torch.Size([120, 20, 10]), torch.Size([120, 20]))
        >>> torch.equal(x[:10].argmax(-1), target[-10:])
        True
        >>> round(task.baseline, 4)
        0.1733
    """

    input_size = SYMBOLS + 2
    output_size = SYMBOLS + 1
    score_name = "recall accuracy"
    baseline_score = 1 / SYMBOLS

    def __init__(self, length: int) -> None:
        if length < 1:
            raise ValueError(f"length must be at least 1 time step, got {length}")
        self.length = length
        self.recall = RECALL if length > 2 * RECALL else length // 3
        self.baseline = self.recall * math.log(SYMBOLS) / length

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Float[Tensor, "T B m"], Int[Tensor, "T B"]]:
        """Inputs, one-hot float32, and the class that is right at each step."""
        shown = torch.randint(SYMBOLS, (self.recall, batch), generator=generator)
        symbols = torch.full((self.length, batch), BLANK)
        symbols[: self.recall] = shown
        if self.recall:
            symbols[-self.recall - 1] = MARKER
        target = torch.full((self.length, batch), BLANK)
        target[self.length - self.recall :] = shown
        return torch.nn.functional.one_hot(symbols, self.input_size).float(), target

    def score(self, logits: Float[Tensor, "T B k"], target: Int[Tensor, "T B"]) -> float:
        """Share of the recall steps whose symbol is right: chance is 1/8, and printing blanks scores 0."""
        first = self.length - self.recall
        return self.score_all(logits[first:], target[first:])

    def score_all(self, logits: Float[Tensor, "T B k"], target: Int[Tensor, "T B"]) -> float:
        """Share of all steps that are right. Flatters: a model that prints blanks alone scores 1 - recall/T."""
        return super().score(logits, target)
