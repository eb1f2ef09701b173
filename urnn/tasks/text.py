"""A real English text that every Python brings along: its reference manual, as `help()` shows it (PSF licence).

Its characters as they are, or its letters alone: 27 symbols, small letters and one blank for all that is between
two words, as text8 is made of enwik8. A user's own enwik8 is read in that way too.

Nothing is downloaded. The text differs a little from one version of Python to the next, so a run's log carries its
checksum, and reports do not average over two texts. Paragraphs that the manual repeats are kept once: a model is
not to be tested on what it was trained on.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from urnn.shapes import Int

NEWLINE, OTHER, SYMBOLS = 95, 96, 97  # the printable characters of ASCII come first, from the blank to the tilde
LETTERS = 27  # the blank, and a to z
HELD_OUT = 0.05  # of all characters, to validate on, and as many to test on
MOST_HELD_OUT = 100_000  # letters of an enwik8: five million would take longer to score than to train on
ENWIK8 = "enwik8"

# byte -> the blank, or the small letter it is
_SMALL = bytes(one if chr(one) in "abcdefghijklmnopqrstuvwxyz" else 32 for one in bytes(range(128)).lower())
_SMALL += b" " * 128


@dataclass(frozen=True, eq=False)
class Text:
    """Characters as numbers below `kinds`, in three parts without a character in common, in the text's order.

    Attributes:
        checksum: the first 16 hex digits of the SHA-256 of all of it.
        kinds: how many different symbols there are: 97 characters, or 27 of letters alone.
        source: what it is, for people.

    Example:
        >>> from urnn.tasks.text import parts_of
        >>> text = parts_of("a" * 90 + "b" * 5 + "c" * 5)
        >>> len(text.train), text.validation.tolist()
        (90, [66, 66, 66, 66, 66])
    """

    train: Int[Tensor, " N"]
    validation: Int[Tensor, " V"]
    test: Int[Tensor, " V"]
    checksum: str
    kinds: int = SYMBOLS
    source: str = "Python's manual"


@cache
def manual() -> Text:
    """Python's reference manual in its parts: the first 90 % to train on, then 5 % to validate, then 5 % to test.

    Raises:
        ValueError: this installation of Python has no manual.

    Example:
        >>> from urnn.tasks import text
        >>> len(text.manual().train) > 300_000
        True
    """
    return parts_of(_manual_prose())


@cache
def manual_letters() -> Text:
    """The letters of the manual in the same three parts.

    Raises:
        ValueError: this installation of Python has no manual.

    Example:
        >>> from urnn.tasks import text
        >>> int(text.manual_letters().train.max())
        26
    """
    return letters_of(_manual_prose().encode(), "the letters of Python's manual")


def enwik8_letters(folder: Path) -> Text:
    """The letters of the file enwik8 in a folder, the first 100 MB of a Wikipedia (mattmahoney.net/dc/textdata).

    The last 100,000 letters are tested on, the 100,000 before them validated on, or 5 % each of a shorter file.

    Raises:
        ValueError: there is no such file, it cannot be read, or it has hardly a letter.

    Example:
        >>> from pathlib import Path
        >>> from urnn.tasks.text import enwik8_letters
        >>> enwik8_letters(Path("nowhere"))
        Traceback (most recent call last):
        ValueError: expected a file enwik8 in nowhere (No such file or directory); ...
    """
    try:
        whole = (folder / ENWIK8).read_bytes()
    except OSError as error:
        raise ValueError(
            f"expected a file {ENWIK8} in {folder} ({error.strerror}); name the folder that has it, or leave it "
            "out for Python's manual"
        ) from error
    return letters_of(whole, f"the letters of {ENWIK8}")


def letters_of(prose: bytes, source: str) -> Text:
    """Small letters, 1 to 26, and one 0 for whatever stands between two words, in the three parts.

    Raises:
        ValueError: fewer letters than three parts of one character and one that follows need.

    Example:
        >>> from urnn.tasks.text import letters_of
        >>> letters_of(b"A Moor's <b>" * 20, "a line").train[:9].tolist()
        [1, 0, 13, 15, 15, 18, 0, 19, 0]
    """
    words = re.sub(rb" +", b" ", prose.translate(_SMALL)).strip()
    held_out = min(int(HELD_OUT * len(words)), MOST_HELD_OUT)
    if held_out < 2:
        raise ValueError(
            f"expected a text with at least {int(2 / HELD_OUT)} letters a to z, and {source} have {len(words)} in "
            f"{len(prose)} bytes; take another text"
        )
    numbers = torch.frombuffer(bytearray(words), dtype=torch.int8)
    numbers = torch.where(numbers == ord(" "), 0, numbers - (ord("a") - 1)).to(torch.int8)
    train, validation, test = numbers.split([len(words) - 2 * held_out, held_out, held_out])
    return Text(train, validation, test, hashlib.sha256(words).hexdigest()[:16], LETTERS, source)


def _manual_prose() -> str:
    try:
        from pydoc_data.topics import topics
    except ModuleNotFoundError as error:
        raise ValueError(
            f"expected this Python to bring its manual, and it has no module {error.name}; "
            "install the whole standard library"
        ) from error
    return prose_of(topics)


def prose_of(topics: Mapping[str, str]) -> str:
    """The paragraphs of all topics, in the order of their names, each once.

    Example:
        >>> from urnn.tasks.text import prose_of
        >>> prose_of({"b": "One.\\n\\nTwo.", "a": "Two.\\n"})
        'Two.\\n\\nOne.'
    """
    paragraphs = [part.strip("\n") for name in sorted(topics) for part in re.split(r"\n\s*\n", topics[name])]
    return "\n\n".join(dict.fromkeys(filter(str.strip, paragraphs)))


def parts_of(prose: str) -> Text:
    """Its parts, of which none may be empty.

    Example:
        >>> from urnn.tasks.text import parts_of
        >>> parts_of("A Moor.~" * 20).train[:8].tolist()
        [33, 0, 45, 79, 79, 82, 14, 94]
    """
    held_out = int(HELD_OUT * len(prose))
    train, validation, test = symbols(prose).split([len(prose) - 2 * held_out, held_out, held_out])
    return Text(train, validation, test, hashlib.sha256(prose.encode()).hexdigest()[:16])


def symbols(prose: str) -> Int[Tensor, " N"]:
    """Each character's number: from 0 for the blank to 94 for the tilde, 95 for a new line, 96 for any other.

    Example:
        >>> from urnn.tasks.text import symbols
        >>> symbols(" ~\\n\\u00df").tolist()
        [0, 94, 95, 96]
    """
    codes = torch.tensor([ord(character) for character in prose], dtype=torch.int64)
    printable = torch.where((codes >= ord(" ")) & (codes <= ord("~")), codes - ord(" "), OTHER)
    return torch.where(codes == ord("\n"), NEWLINE, printable)
