"""A real English text that every Python brings along: its reference manual, as `help()` shows it (PSF licence).

Nothing is downloaded. The text differs a little from one version of Python to the next, so a run's log carries its
checksum, and reports do not average over two texts. Paragraphs that the manual repeats are kept once: a model is
not to be tested on what it was trained on.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from urnn.shapes import Int

NEWLINE, OTHER, SYMBOLS = 95, 96, 97  # the printable characters of ASCII come first, from the blank to the tilde
HELD_OUT = 0.05  # of all characters, to validate on, and as many to test on


@dataclass(frozen=True, eq=False)
class Text:
    """Characters as numbers below 97, in three parts without a character in common, in the text's order.

    Attributes:
        checksum: the first 16 hex digits of the SHA-256 of all of it.

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
    try:
        from pydoc_data.topics import topics
    except ModuleNotFoundError as error:
        raise ValueError(
            f"expected this Python to bring its manual, and it has no module {error.name}; "
            "install the whole standard library"
        ) from error
    return parts_of(prose_of(topics))


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
