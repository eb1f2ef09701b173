"""Labelled images in fixed training, validation and test sets, read one pixel per time step.

The split and the permutation of the permuted tasks come from fixed seeds: every model and every seed of a run sees
the same ones, and the test set is looked at once, at a run's end.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from urnn.shapes import Float, Int, UInt8
from urnn.tasks import digits, mnist

SPLIT_SEED = 1797
PERMUTATION_SEED = 784
DIGITS_VALIDATION, DIGITS_TEST = 180, 360  # a tenth and a fifth of 1,797
MNIST_VALIDATION = 5_000  # of the 60,000 for training; the test set is MNIST's own


@dataclass(frozen=True)
class Images:
    """Images as rows of pixels.

    Attributes:
        pixels: (N, P), grey values from 0 to `largest`.
        labels: (N,), classes.
        largest: the value of white.

    Example:
        >>> import torch
        >>> from urnn.tasks.images import Images
        >>> pixels = torch.tensor([[0, 8, 16], [4, 4, 4]], dtype=torch.uint8)
        >>> images = Images(pixels, torch.tensor([7, 1]), largest=16)
        >>> x, labels = images.sequences(torch.tensor([0]))
        >>> x.flatten(), labels
        (tensor([0.0000, 0.5000, 1.0000]), tensor([7]))
    """

    pixels: UInt8[Tensor, "N P"]
    labels: Int[Tensor, " N"]
    largest: int

    def __len__(self) -> int:
        return len(self.labels)

    def sequences(self, chosen: Int[Tensor, " B"]) -> tuple[Float[Tensor, "P B 1"], Int[Tensor, " B"]]:
        """The chosen images a pixel a time step, grey values in [0, 1], and their labels."""
        grey = self.pixels[chosen].float() / self.largest
        return grey.T.unsqueeze(-1).contiguous(), self.labels[chosen]

    def subset(self, chosen: Int[Tensor, " K"]) -> "Images":
        """The chosen images alone."""
        return Images(self.pixels[chosen], self.labels[chosen], self.largest)

    def permuted(self) -> "Images":
        """Every image with its pixels in another order, the same for all images of this size."""
        generator = torch.Generator().manual_seed(PERMUTATION_SEED)
        order = torch.randperm(self.pixels.shape[1], generator=generator)
        return Images(self.pixels[:, order], self.labels, self.largest)


@dataclass(frozen=True)
class Split:
    """Three sets without an image in common.

    Example:
        >>> from urnn.tasks.images import digits_split
        >>> split = digits_split()
        >>> split.permuted().train.labels.equal(split.train.labels)
        True
    """

    train: Images
    validation: Images
    test: Images

    def permuted(self) -> "Split":
        """Each set with its pixels in the order of `Images.permuted`."""
        return Split(self.train.permuted(), self.validation.permuted(), self.test.permuted())


def digits_split() -> Split:
    """scikit-learn's digits: 1,257 images to train on, 180 to validate, 360 to test.

    Example:
        >>> from urnn.tasks.images import digits_split
        >>> split = digits_split()
        >>> len(split.train), len(split.validation), len(split.test)
        (1257, 180, 360)
    """
    images = Images(*digits.load(), digits.LARGEST)
    validation, test, train = _divide(len(images), DIGITS_VALIDATION, DIGITS_TEST)
    return Split(images.subset(train), images.subset(validation), images.subset(test))


def mnist_split(folder: Path) -> Split:
    """MNIST: 55,000 images to train on, 5,000 to validate, its own 10,000 to test.

    Raises:
        ValueError: see `mnist.load`; or fewer images than are kept for validation.

    Example:
        >>> from pathlib import Path
        >>> from urnn.tasks.images import mnist_split
        >>> mnist_split(Path("no such folder"))
        Traceback (most recent call last):
        urnn.tasks.mnist.MissingFilesError: MNIST is not whole in no such folder or ...
    """
    images, test = (Images(*mnist.load(folder, part), mnist.LARGEST) for part in ("train", "test"))
    if len(images) <= MNIST_VALIDATION:
        raise ValueError(
            f"expected MNIST in {folder} to have more than the {MNIST_VALIDATION} training images kept for "
            f"validation, got {len(images)}; fetch its files again"
        )
    validation, train = _divide(len(images), MNIST_VALIDATION)
    return Split(images.subset(train), images.subset(validation), test)


def _divide(count: int, *sizes: int) -> tuple[Tensor, ...]:
    """0..count-1 in a fixed random order, cut into parts of these sizes and a last part of the rest."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(SPLIT_SEED))
    return order.split([*sizes, count - sum(sizes)])
