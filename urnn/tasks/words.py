"""State tracking as word problems: the running product of a group's elements, asked for at every step.

The word problem of Z2 is parity, that of Z5 are sums modulo 5; those of S3 and A5 are as in Liu, Ash, Goel,
Krishnamurthy, Zhang 2023 ("Transformers learn shortcuts to automata") and Merrill, Petty, Sabharwal 2024 ("The
illusion of state in state-space models"). A model that has learned the group, and not sequences of some length,
goes on to be right on longer ones.
"""

import math

import torch
from torch import Tensor

from urnn.shapes import Float, Int
from urnn.tasks.answers import Classes
from urnn.tasks.groups import Group


class Words(Classes):
    """Sequences of `length` elements of a group, each drawn uniformly; the answer at step t is x_1 x_2 ... x_t.

    Attributes:
        input_size: k, a one-hot of the group's elements.
        output_size: k, the same elements.
        baseline: the loss of guessing, ln k. From the second step on every product is equally likely, whatever the
            element seen there.
        baseline_score: the accuracy of guessing, 1/k.

    Raises:
        ValueError: a length below 1.

    Example:
        >>> import torch
        >>> from urnn.tasks import Words
        >>> from urnn.tasks.groups import Z2
        >>> task = Words(Z2, length=40)  # parity
        >>> x, target = task.sample(20, torch.Generator().manual_seed(0))
        >>> x.shape, target.shape
        (torch.Size([40, 20, 2]), torch.Size([40, 20]))
        >>> torch.equal(x.argmax(-1).cumsum(0) % 2, target)
        True
    """

    score_name = "accuracy over all steps"

    def __init__(self, group: Group, length: int) -> None:
        if length < 1:
            raise ValueError(f"length must be at least 1 time step, got {length}")
        self.group, self.length = group, length
        self.input_size = self.output_size = group.order
        self.baseline, self.baseline_score = math.log(group.order), 1 / group.order

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Float[Tensor, "T B k"], Int[Tensor, "T B"]]:
        """Inputs, one-hot float32, and the product so far at each step."""
        elements = torch.randint(self.group.order, (self.length, batch), generator=generator)
        return torch.nn.functional.one_hot(elements, self.input_size).float(), self.products(elements)

    def products(self, elements: Int[Tensor, "T B"]) -> Int[Tensor, "T B"]:
        """The product of each sequence's elements up to each step, the earlier ones on the left."""
        products = [elements[0]]
        for element in elements[1:]:
            products.append(self.group.table[products[-1], element])
        return torch.stack(products)
