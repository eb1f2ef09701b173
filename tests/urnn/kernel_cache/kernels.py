"""A made-up kernel, and what stands for its compiler and its loader."""

from pathlib import Path

NAME, CODE = "urnn-kernel.so", b"machine code"
ANOTHER = 12345  # a user that is not this one


class Builder:
    """Builds `CODE` and counts."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return CODE


def read(path: Path) -> bytes:
    """Stands for the loader."""
    return path.read_bytes()
