"""MNIST (LeCun, Cortes, Burges 1998): 70,000 handwritten digits of 28 x 28, from the four standard IDX files.

No Python package ships them, so the user names a folder. IDX, as its authors define it: two zero bytes, a byte for
the type (8: unsigned bytes), a byte for the number of dimensions, each dimension as four bytes with the highest
first, then the values.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

PIXELS = 784
LARGEST = 255  # grey values are whole numbers from 0 to this
UNSIGNED_BYTES = 8
FILES = {  # part: images, labels
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


class MissingFilesError(ValueError):
    """Files that the user has to fetch; the message says which, and from where."""


def load(folder: Path, part: str) -> tuple[UInt8[Tensor, "N 784"], Int[Tensor, " N"]]:
    """The images of a part, "train" (60,000) or "test" (10,000), row by row, and their digits.

    Files may be plain or gzipped (".gz").

    Raises:
        MissingFilesError: a file is not there.
        ValueError: a file is no IDX file of such images or labels, or the two do not match.
    """
    _require_files(folder)
    images_path, labels_path = (_find(folder, name) for name in FILES[part])
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.dim() != 3 or images.shape[1] * images.shape[2] != PIXELS:
        raise ValueError(f"expected {images_path} to hold 28 x 28 images, got shape {tuple(images.shape)}")
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"expected {labels_path} to hold one label for each of {len(images)} images, "
            f"got shape {tuple(labels.shape)}"
        )
    return images.flatten(1), labels.to(torch.int64)


def _require_files(folder: Path) -> None:
    missing = [name for names in FILES.values() for name in names if _find(folder, name) is None]
    if missing:
        raise MissingFilesError(
            f"MNIST is not whole in {folder}: no {', '.join(missing)}, plain or .gz; fetch the four files from "
            "https://ossci-datasets.s3.amazonaws.com/mnist/ (the mirror that torchvision uses) into one folder "
            "and name it with --mnist FOLDER"
        )


def _find(folder: Path, name: str) -> Path | None:
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def read_idx(path: Path) -> UInt8[Tensor, "..."]:
    """The array of unsigned bytes in an IDX file, plain or gzipped.

    Raises:
        ValueError: the file is damaged or holds another type.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"cannot read {path} ({error}); fetch it again") from error
    dimensions = content[3] if len(content) >= 4 else 0
    start = 4 + 4 * dimensions
    if content[:3] != bytes((0, 0, UNSIGNED_BYTES)) or not dimensions or len(content) < start:
        raise ValueError(f"{path} is no IDX file of unsigned bytes; fetch it again")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise ValueError(
            f"{path} announces {math.prod(shape)} values and holds {len(content) - start}; fetch it again"
        )
    return torch.frombuffer(bytearray(content[start:]), dtype=torch.uint8).view(shape)
