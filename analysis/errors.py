"""The one kind of error that becomes a sentence and exit code 2; a bug in this package keeps its traceback."""

from __future__ import annotations

LONGEST = 1000  # characters of a message; file names and damaged values can have thousands


class AnalysisError(Exception):
    """Input or output that cannot be used; the message is one printable sentence that says what was expected."""

    def __init__(self, message: str) -> None:
        super().__init__(shortened(printable(message), LONGEST))


def printable(text: object) -> str:
    """The text on one line; line breaks, control characters and the surrogates of a bad file name as escapes."""
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
