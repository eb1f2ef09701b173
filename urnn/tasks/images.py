"""Labelled images in fixed training, validation and test sets, read a pixel or a row of pixels per time step.

The split, the permutation of the permuted tasks and the noise of the noisy ones come from fixed seeds: every model
and every seed of a run sees the same ones, and the test set is looked at once, at a run's end.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from urnn.shapes import Float, Int, UInt8
from urnn.tasks import digits, mnist

SPLIT_SEED = 1797
PERMUTATION_SEED = 784
NOISE_SEED = 8
DIGITS_VALIDATION, DIGITS_TEST = 180, 360  # a tenth and a fifth of 1,797
MNIST_VALIDATION = 5_000  # of the 60,000 for training; the test set is MNIST's own


@dataclass(frozen=True)
class Images:
    """Images as rows of pixels.

    Attributes:
        pixels: (N, P), grey values from 0 to `largest`.
        labels: (N,), classes.
        largest: the value of white.
        width: pixels a time step: 1, or those of a row.

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
    width: int = 1

    def __len__(self) -> int:
        return len(self.labels)

    def sequences(self, chosen: Int[Tensor, " B"]) -> tuple[Float[Tensor, "T B m"], Int[Tensor, " B"]]:
        """The chosen images, `width` pixels a time step, grey values in [0, 1], and their labels."""
        grey = self.pixels[chosen].float() / self.largest
        return grey.unflatten(1, (-1, self.width)).transpose(0, 1).contiguous(), self.labels[chosen]

    def subset(self, chosen: Int[Tensor, " K"]) -> "Images":
        """The chosen images alone."""
        return replace(self, pixels=self.pixels[chosen], labels=self.labels[chosen])

    def permuted(self) -> "Images":
        """Every image with its pixels in another order, the same for all images of this size."""
        generator = torch.Generator().manual_seed(PERMUTATION_SEED)
        order = torch.randperm(self.pixels.shape[1], generator=generator)
        return replace(self, pixels=self.pixels[:, order])

    def by_rows(self, width: int) -> "Images":
        """The same images read a row of `width` pixels a time step.

        Raises:
            ValueError: the pixels are not whole rows.
        """
        if width < 1 or self.pixels.shape[1] % width:
            raise ValueError(f"width must divide the {self.pixels.shape[1]} pixels of an image, got {width}")
        return replace(self, width=width)

    def with_noise(self, columns: int) -> "Images":
        """Every row widened by pixels of noise: uniform grey values, the same ones at every call.

        Example:
            >>> import torch
            >>> from urnn.tasks.images import Images
            >>> images = Images(torch.zeros(1, 64, dtype=torch.uint8), torch.tensor([7]), largest=16, width=8)
            >>> x, _ = images.with_noise(8).sequences(torch.tensor([0]))
            >>> x.shape
            torch.Size([8, 1, 16])
        """
        rows = self.pixels.unflatten(1, (-1, self.width))
        generator = torch.Generator().manual_seed(NOISE_SEED)
        noise = torch.randint(self.largest + 1, (*rows.shape[:2], columns), generator=generator).to(rows.dtype)
        return replace(self, pixels=torch.cat([rows, noise], 2).flatten(1), width=self.width + columns)


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


def digits_split(by_rows: bool = False, noise: int = 0) -> Split:
    """scikit-learn's digits: 1,257 images to train on, 180 to validate, 360 to test.

    Args:
        by_rows: a row of 8 pixels a time step instead of one pixel.
        noise: pixels of noise that widen each step.

    Example:
        >>> from urnn.tasks.images import digits_split
        >>> split = digits_split()
        >>> len(split.train), len(split.validation), len(split.test)
        (1257, 180, 360)
    """
    images = Images(*digits.load(), digits.LARGEST)
    images = images.by_rows(digits.SIDE) if by_rows else images
    images = images.with_noise(noise) if noise else images
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
