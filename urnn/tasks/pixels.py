"""Images read one pixel a time step (Le, Jaitly, Hinton 2015; Arjovsky, Shah, Bengio 2015, section 5.3).

Benchmarks draw from scikit-learn's digits at any length; training reads whole images, from sets that are split
(`urnn.tasks.images`), and takes the loss and the score from here.
"""

import math

import torch
from torch import Tensor

from urnn.shapes import Float, Int
from urnn.tasks import digits
from urnn.tasks.answers import Classes
from urnn.tasks.digits import PIXELS

CLASSES = 10


class Pixels(Classes):
    """Sequences of `length` grey values in [0, 1] and the digit that the last image shows.

    64 steps are one image. Longer sequences are images one after another, the last one whole; shorter ones
    are the last rows of an image.

    Attributes:
        input_size: 1 grey value a step.
        output_size: 10 digits.
        baseline: the loss of guessing, ln 10.
        baseline_score: the accuracy of guessing, 1/10.

    Raises:
        ValueError: a length below 1.

    Example:
        >>> import torch
        >>> from urnn.tasks import Pixels
        >>> x, target = Pixels(length=64).sample(20, torch.Generator().manual_seed(0))
        >>> x.shape, target.shape
        (torch.Size([64, 20, 1]), torch.Size([20]))
    """

    input_size = 1
    output_size = CLASSES
    score_name = "accuracy"
    baseline = math.log(CLASSES)
    baseline_score = 1 / CLASSES

    def __init__(self, length: int) -> None:
        if length < 1:
            raise ValueError(f"length must be at least 1 time step, got {length}")
        self.length = length

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Float[Tensor, "T B m"], Int[Tensor, " B"]]:
        """Pixel sequences and the label of each sequence's last image, drawn with replacement."""
        images, labels = digits.load()
        images = images / digits.LARGEST
        per_sequence = -(-self.length // PIXELS)
        chosen = torch.randint(len(images), (batch, per_sequence), generator=generator)
        sequences = images[chosen].flatten(1)[:, -self.length :]
        return sequences.T.unsqueeze(-1).contiguous(), labels[chosen[:, -1]]

    @staticmethod
    def read(
        output: Float[Tensor, "T B features"], last: Float[Tensor, "B features"]
    ) -> Float[Tensor, "B features"]:
        """What the read-out looks at, of a model's output and its last step: the last step."""
        return last
