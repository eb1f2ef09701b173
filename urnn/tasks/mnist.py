"""MNIST (LeCun, Cortes, Burges 1998): 70,000 handwritten digits of 28 x 28, from the four standard IDX files.

No Python package ships them, so the user names a folder. IDX, as its authors define it: two zero bytes, a byte for
the type (8: unsigned bytes), a byte for the number of dimensions, each dimension as four bytes with the highest
first, then the values. A file is trusted in nothing: not in what it announces, nor in how much a compressed one
unpacks to.
"""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import torch
from torch import Tensor

from urnn.shapes import Int, UInt8

SIDE = 28
PIXELS = SIDE * SIDE
CLASSES = 10
LARGEST = 255  # grey values are whole numbers from 0 to this
UNSIGNED_BYTES = 8
MOST_VALUES = 10**8  # twice as many as the largest of the four files has
TORCHVISION = Path("MNIST", "raw")  # where its MNIST(root) keeps the files below its root
FILES = {  # part: images, labels
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


class MissingFilesError(ValueError):
    """Files that the user has to fetch; the message says which, and from where.

    Example:
        >>> from urnn.tasks.mnist import MissingFilesError
        >>> issubclass(MissingFilesError, ValueError)
        True
    """


def load(folder: Path, part: str) -> tuple[UInt8[Tensor, "N 784"], Int[Tensor, " N"]]:
    """The images of a part, "train" (60,000) or "test" (10,000), row by row, and their digits.

    Files may be plain or gzipped (".gz"), and in `folder` or where torchvision keeps them below it.

    Raises:
        MissingFilesError: a file is not there.
        ValueError: a file is no IDX file of such images or labels, or the two do not match.

    Example:
        >>> from pathlib import Path
        >>> from urnn.tasks import mnist
        >>> mnist.load(Path("no such folder"), "train")
        Traceback (most recent call last):
        urnn.tasks.mnist.MissingFilesError: MNIST is not whole in no such folder or ...
    """
    paths = _paths(folder)
    images_path, labels_path = (paths[name] for name in FILES[part])
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.shape[1:] != (SIDE, SIDE):
        raise ValueError(f"expected {images_path} to hold 28 x 28 images, got shape {tuple(images.shape)}")
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"expected {labels_path} to hold one label for each of {len(images)} images, "
            f"got shape {tuple(labels.shape)}"
        )
    if int(labels.max()) >= CLASSES:
        raise ValueError(
            f"expected {labels_path} to hold digits from 0 to 9, got {int(labels.max())}; fetch it again"
        )
    return images.flatten(1), labels.to(torch.int64)


def _paths(folder: Path) -> dict[str, Path]:
    """Where each of the four files is."""
    found = {name: _find(folder, name) for names in FILES.values() for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise MissingFilesError(
            f"MNIST is not whole in {folder} or {folder / TORCHVISION}: no {', '.join(missing)}, "
            "plain or .gz; fetch the four files from "
            "https://ossci-datasets.s3.amazonaws.com/mnist/ (the mirror that torchvision uses) into one folder "
            "and name it with --mnist FOLDER"
        )
    return {name: path for name, path in found.items() if path is not None}


def _find(folder: Path, name: str) -> Path | None:
    places = (folder, folder / TORCHVISION)
    candidates = (place / f"{name}{suffix}" for place in places for suffix in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)  # a FIFO is no file, and is not opened


def read_idx(path: Path) -> UInt8[Tensor, "..."]:
    """The array of unsigned bytes in an IDX file, plain or gzipped.

    Raises:
        ValueError: the file is damaged, holds another type, nothing, or far more than MNIST's do.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from urnn.tasks.mnist import read_idx
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "labels")
        ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 1, 4]))  # 3 labels
        ...     read_idx(path)
        tensor([7, 1, 4], dtype=torch.uint8)
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            shape = _shape(path, file)
            count = math.prod(shape)
            values = file.read(count + 1)
            held = f"{len(values)}" if len(values) <= count else "more"
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"cannot read {path} ({error}); fetch it again") from error
    if len(values) != count:
        raise ValueError(f"{path} announces {count} values and holds {held}; fetch it again")
    return torch.frombuffer(bytearray(values), dtype=torch.uint8).view(shape)


def _shape(path: Path, file: io.BufferedIOBase) -> tuple[int, ...]:
    """The dimensions that an IDX file announces, one to three of at least 1; leaves `file` at the first value."""
    head = file.read(4)
    dimensions = head[3] if len(head) == 4 else 0
    sizes = file.read(4 * dimensions)
    if head[:3] != bytes((0, 0, UNSIGNED_BYTES)) or not 1 <= dimensions <= 3 or len(sizes) < 4 * dimensions:
        raise ValueError(f"{path} is no IDX file of unsigned bytes; fetch it again")
    shape = struct.unpack(f">{dimensions}I", sizes)
    if not 1 <= math.prod(shape) <= MOST_VALUES:
        raise ValueError(
            f"{path} announces {math.prod(shape)} values, from 1 to {MOST_VALUES} are read; fetch it again"
        )
    return shape
