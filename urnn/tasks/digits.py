"""scikit-learn's handwritten digits: 1,797 real 8 x 8 scans that come inside the package."""

from functools import cache

import torch
from torch import Tensor

from urnn.extras import how_to_install, package_of
from urnn.shapes import Int, UInt8

SIDE = 8
PIXELS = SIDE * SIDE
LARGEST = 16  # grey values are whole numbers from 0 to this


@cache
def load() -> tuple[UInt8[Tensor, "N 64"], Int[Tensor, " N"]]:
    """Every image, row by row, grey values from 0 to 16, and its digit. Needs scikit-learn.

    Example:
        >>> from urnn.tasks import digits
        >>> images, labels = digits.load()
        >>> images.shape, labels.shape
        (torch.Size([1797, 64]), torch.Size([1797]))

    Raises:
        ModuleNotFoundError: scikit-learn, in whose package they come, is missing.
    """
    try:
        from sklearn.datasets import load_digits  # a second to import, and the other tasks do not need it
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the digits need {package_of(error)}, which is not installed; "
            f"install it {how_to_install('training')}",
            name=error.name,
        ) from error

    images, labels = load_digits(return_X_y=True)
    return torch.from_numpy(images).to(torch.uint8), torch.from_numpy(labels).to(torch.int64)
