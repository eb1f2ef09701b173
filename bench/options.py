"""What commands share: how numbers, names and paths are read, and options that several of them have.

Numbers are plain ones, within limits that the message names. Python's own `int` and `float` also take 1_000,
digits of other scripts, nan and numbers without end; a size of 26 digits would be estimated, queued and only then
fail.
"""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from bench.environment import ALLOCATORS

MOST_SIZE = 10**12  # what fits into memory ends far below, see `bench.estimate.require_memory`
MOST_THREADS = 1024
MOST_TIMES = 10_000  # passes, rounds
MOST_MINUTES = 366 * 24 * 60
MOST_SECONDS = 7 * 24 * 3600

_WHOLE = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)(e-?[0-9]{1,3})?", re.IGNORECASE)


def whole_numbers(most: int) -> Callable[[str], tuple[int, ...]]:
    """Reads "128,256": each from 1 to `most`, each once."""

    def read(text: str) -> tuple[int, ...]:
        parts = text.split(",")
        if not all(_WHOLE.fullmatch(part) for part in parts):
            raise argparse.ArgumentTypeError(f"expected whole numbers such as 128,256, got {_shown(text)}")
        numbers = tuple(_within(part, most, text) for part in parts)
        _require_each_once("number", numbers, text)
        return numbers

    return read


def whole_number(most: int) -> Callable[[str], int]:
    """Reads one whole number from 1 to `most`."""

    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text):
            raise argparse.ArgumentTypeError(f"expected a whole number, got {_shown(text)}")
        return _within(text, most, text)

    return read


def positive(most: float) -> Callable[[str], float]:
    """Reads a number above 0 and up to `most`."""

    def read(text: str) -> float:
        value = float(text) if _DECIMAL.fullmatch(text) else 0.0
        if not value > 0:
            raise argparse.ArgumentTypeError(f"expected a number above 0, got {_shown(text)}")
        if value > most:
            raise argparse.ArgumentTypeError(f"expected at most {most}, got {_shown(text)}")
        return value

    return read


def names(text: str) -> tuple[str, ...]:
    """Reads "urnn,lstm", each once; the grid says whether there are such names."""
    found = tuple(text.split(","))
    _require_each_once("name", found, text)
    return found


def word(text: str) -> str:
    """Reads a name that is not empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"expected a name, got {text!r}")
    return text


def path(text: str) -> Path:
    """Reads a path; an empty one would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got ''")
    return Path(text)


def add_process_options(parser: argparse.ArgumentParser) -> None:
    """How a measuring process runs."""
    add = parser.add_argument
    add(
        "--threads", type=whole_number(MOST_THREADS), default=1, help="threads torch may use; default: %(default)s"
    )
    add("--allocator", choices=list(ALLOCATORS), default="kept", help="heap setting; default: %(default)s")


def add_wait(parser: argparse.ArgumentParser) -> None:
    """How long a command that compares waits until nothing else runs."""
    purpose = "seconds to wait for a quiet machine; default: %(default)s"
    parser.add_argument("--wait", type=positive(MOST_SECONDS), default=60.0, help=purpose)


def _within(digits: str, most: int, text: str) -> int:
    """The number, which is part of `text`."""
    too_long = len(digits) > len(str(most)) + 1  # int refuses some thousand digits
    if too_long or int(digits) > most:
        raise argparse.ArgumentTypeError(f"expected at most {most}, got {_shown(text)}")
    if int(digits) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {_shown(text)}")
    return int(digits)


def _require_each_once(what: str, values: tuple, text: str) -> None:
    if len(set(values)) < len(values):
        raise argparse.ArgumentTypeError(f"expected each {what} once, got {_shown(text)}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
