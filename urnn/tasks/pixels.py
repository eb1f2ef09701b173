"""Images read one pixel a time step (Le, Jaitly, Hinton 2015; Arjovsky, Shah, Bengio 2015, section 5.3).

The images are scikit-learn's handwritten digits: 1,797 real 8 x 8 scans that come inside the package.
"""

from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

PIXELS = 64


@cache
def _digits() -> tuple[Float[Tensor, "N 64"], Int[Tensor, " N"]]:
    from sklearn.datasets import load_digits  # a second to import, and copying does not need it

    images, labels = load_digits(return_X_y=True)
    return torch.from_numpy(images / images.max()).float(), torch.from_numpy(labels.astype(np.int64))


class Pixels:
    """Sequences of `length` grey values in [0, 1] and the digit that the last image shows.

    64 steps are one image. Longer sequences are images one after another, the last one whole; shorter ones
    are the last rows of an image.

    Attributes:
        input_size: 1 grey value a step.
        output_size: 10 digits.
    """

    input_size = 1
    output_size = 10

    def __init__(self, length: int) -> None:
        if length < 1:
            raise ValueError(f"length must be at least 1 time step, got {length}")
        self.length = length

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Float[Tensor, "T B m"], Int[Tensor, " B"]]:
        """Pixel sequences and the label of each sequence's last image, drawn with replacement."""
        images, labels = _digits()
        per_sequence = -(-self.length // PIXELS)
        chosen = torch.randint(len(images), (batch, per_sequence), generator=generator)
        sequences = images[chosen].flatten(1)[:, -self.length :]
        return sequences.T.unsqueeze(-1).contiguous(), labels[chosen[:, -1]]

    def loss(self, logits: Float[Tensor, "B k"], target: Int[Tensor, " B"]) -> Float[Tensor, ""]:
        """Cross-entropy in nats, the mean over the batch."""
        return torch.nn.functional.cross_entropy(logits, target)

    @staticmethod
    def read(
        output: Float[Tensor, "T B features"], last: Float[Tensor, "B features"]
    ) -> Float[Tensor, "B features"]:
        """What the read-out looks at, of a model's output and its last step: the last step."""
        return last
