"""Associative recall with a query for every key (MQAR; Arora et al. 2023, "Zoology").

A state of fixed size has to hold pairs that no two sequences share. Theirs has a vocabulary of 8,192 and random
symbols between the queries, which spread over sequences of 64 to 512 steps. Ours is cut to nets of some thousand
parameters: 8 keys, 8 values, and the queries right after the pairs. A net has to meet every key with every value
before it binds them: with 8 keys an LSTM of 128 units takes some 4,000 batches of 64 for that; with 32 it learns
which values were shown, and no more.
"""

import math

import torch
from torch import Tensor

from urnn.shapes import Float, Int
from urnn.tasks.answers import Classes

KEYS = VALUES = 8


class AssociativeRecall(Classes):
    """Sequences of `pairs` different keys, each followed by its value, then the same keys in another order.

    At a key of the second part the answer is the value that followed it in the first. Values differ too, so that a
    model that knows which values were shown, and not by which key, is right once in `pairs`. The state has to hold
    log2 of C(8, pairs) 8! / (8 - pairs)! bits: 11 for 2 pairs, 17 for 4, 19 for 6.

    Attributes:
        length: 3 pairs, the time steps.
        input_size: 16, a one-hot of 8 keys and 8 values.
        output_size: 8, the values.
        baseline: the loss of guessing, ln 8.
        baseline_score: the score of guessing, 1/8.

    Raises:
        ValueError: fewer than 1 or more than 8 pairs.

    Example:
        >>> import torch
        >>> from urnn.tasks import AssociativeRecall
        >>> x, target = AssociativeRecall(pairs=2).sample(1, torch.Generator().manual_seed(3))
        >>> x.shape, target.shape
        (torch.Size([6, 1, 16]), torch.Size([2, 1]))
        >>> x.argmax(-1).flatten(), target.flatten()  # values are symbols 8 to 15
        (tensor([ 0, 14,  3, 12,  0,  3]), tensor([6, 4]))
    """

    input_size = KEYS + VALUES
    output_size = VALUES
    score_name = "recall accuracy"
    baseline = math.log(VALUES)
    baseline_score = 1 / VALUES

    def __init__(self, pairs: int) -> None:
        if not 1 <= pairs <= KEYS:
            raise ValueError(f"pairs must be from 1 to {KEYS}, which is how many keys there are, got {pairs}")
        self.pairs, self.length = pairs, 3 * pairs

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Float[Tensor, "T B m"], Int[Tensor, "D B"]]:
        """Inputs, one-hot float32, and the value of each key that is asked for."""
        keys, values = (_different(count, self.pairs, batch, generator) for count in (KEYS, VALUES))
        order = _different(self.pairs, self.pairs, batch, generator)
        shown = torch.stack([keys, KEYS + values], dim=1).flatten(0, 1)
        symbols = torch.cat([shown, keys.gather(0, order)])
        return torch.nn.functional.one_hot(symbols, self.input_size).float(), values.gather(0, order)

    @staticmethod
    def read(
        output: Float[Tensor, "T B features"], last: Float[Tensor, "B features"]
    ) -> Float[Tensor, "D B features"]:
        """What the read-out looks at, of a model's output and its last step: the queries."""
        return output[2 * len(output) // 3 :]  # of 3 steps a pair


def _different(count: int, drawn: int, batch: int, generator: torch.Generator) -> Int[Tensor, "{drawn} {batch}"]:
    """For each sequence `drawn` different numbers below `count`, in random order."""
    return torch.rand(count, batch, generator=generator).argsort(0)[:drawn]
