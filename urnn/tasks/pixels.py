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


class WholeImages(Classes):
    """The digit that an image shows, after its last step.

    Attributes:
        input_size: grey values a step: 1 where an image is read pixel by pixel.
        output_size: 10 digits.
        baseline: the loss of guessing, ln 10.
        baseline_score: the accuracy of guessing, 1/10.

    Raises:
        ValueError: a length or an input_size below 1.

    Example:
        >>> from urnn.tasks.pixels import WholeImages
        >>> WholeImages(length=8, input_size=8).baseline_score  # rows of 8 pixels
        0.1
    """

    input_size = 1
    output_size = CLASSES
    score_name = "accuracy"
    baseline = math.log(CLASSES)
    baseline_score = 1 / CLASSES

    def __init__(self, length: int, input_size: int = 1) -> None:
        if length < 1:
            raise ValueError(f"length must be at least 1 time step, got {length}")
        if input_size < 1:
            raise ValueError(f"input_size must be at least 1 grey value a step, got {input_size}")
        self.length, self.input_size = length, input_size

    @staticmethod
    def read(
        output: Float[Tensor, "T B features"], last: Float[Tensor, "B features"]
    ) -> Float[Tensor, "B features"]:
        """What the read-out looks at, of a model's output and its last step: the last step."""
        return last


class Pixels(WholeImages):
    """Sequences of `length` grey values in [0, 1] and the digit that the last image shows.

    64 steps are one image. Longer sequences are images one after another, the last one whole; shorter ones
    are the last rows of an image.

    Raises:
        ValueError: a length below 1.

    Example:
        >>> import torch
        >>> from urnn.tasks import Pixels
        >>> x, target = Pixels(length=64).sample(20, torch.Generator().manual_seed(0))
        >>> x.shape, target.shape
        (torch.Size([64, 20, 1]), torch.Size([20]))
    """

    def __init__(self, length: int) -> None:
        super().__init__(length)

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Float[Tensor, "T B m"], Int[Tensor, " B"]]:
        """Pixel sequences and the label of each sequence's last image, drawn with replacement."""
        images, labels = digits.load()
        images = images / digits.LARGEST
        per_sequence = -(-self.length // PIXELS)
        chosen = torch.randint(len(images), (batch, per_sequence), generator=generator)
        sequences = images[chosen].flatten(1)[:, -self.length :]
        return sequences.T.unsqueeze(-1).contiguous(), labels[chosen[:, -1]]
