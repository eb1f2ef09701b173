"""The one kind of error that the command line turns into a sentence and exit code 2.

Why: bad input is for the user to fix and needs a sentence; a bug in this package needs its traceback.
"""

from __future__ import annotations

LONGEST = 1000  # characters of a message; file names and damaged values can have thousands


class AnalysisError(Exception):
    """Input or output that cannot be used; the message is one printable sentence that says what was expected."""

    def __init__(self, message: str) -> None:
        super().__init__(shortened(printable(message), LONGEST))


def printable(text: object) -> str:
    """The text on one line, with whatever no terminal or file in UTF-8 can show as an escape.

    That is line breaks, control characters, and the surrogates that stand for the bytes of a file name that is no
    UTF-8.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in str(text)
    )


def shortened(text: str, longest: int) -> str:
    """The text, with its middle left out where it is longer than so many characters."""
    if len(text) <= longest:
        return text
    half = (longest - 3) // 2
    return f"{text[:half]}...{text[-half:]}"
