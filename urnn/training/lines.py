"""A file of JSON lines, one object a line: on the disk before a call returns, added to or rewritten as a whole.

A damaged line, and half a line that a killed process has left at the end, are left out, whatever is in them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from urnn.files import write_atomically
from urnn.training import files
from urnn.training.errors import TrainingError

Line = dict[str, Any]  # one line's object


class LineFile:
    """The file at this path, which need not be there.

    Args:
        is_ours: whether an object is one that its writer writes; another one is a damaged line.
    """

    def __init__(self, path: Path, is_ours: Callable[[Mapping[str, object]], bool]) -> None:
        self.path, self._is_ours = path, is_ours

    def append(self, line: Mapping[str, object]) -> None:
        """Raises TrainingError where the disk is full or the folder is gone."""
        try:
            files.append(self.path, _encoded(line))
        except OSError as error:
            raise self._cannot_write(error) from error

    def rewrite(self, lines: Iterable[Mapping[str, object]]) -> None:
        """Puts these in the place of all; raises TrainingError as `append` does, and then the old ones stay."""
        try:
            write_atomically(self.path, b"".join(map(_encoded, lines)))
        except OSError as error:
            raise self._cannot_write(error) from error

    def numbered(self) -> list[tuple[int, Line | None]]:
        """Every line with its number from 1, None in the place of a damaged one; none where there is no file.

        Raises:
            TrainingError: it is no file that can be read.
        """
        whole, newline, _ = (files.read(self.path) or b"").rpartition(b"\n")
        return (
            [(number, self._parsed(line)) for number, line in enumerate(whole.split(b"\n"), 1)] if newline else []
        )

    def whole(self) -> list[Line]:
        """Every line that is not damaged; raises as `numbered` does."""
        return [line for _, line in self.numbered() if line is not None]

    def _parsed(self, line: bytes) -> Line | None:
        try:
            content = json.loads(line.decode())
        except (ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) and self._is_ours(content) else None

    def _cannot_write(self, error: OSError) -> TrainingError:
        return TrainingError(f"cannot write {self.path} ({files.reason(error)}); the last checkpoint is kept")


def is_counted(value: object) -> bool:
    """Whether it is a whole number, as iterations and evaluations are."""
    return isinstance(value, int) and not isinstance(value, bool)


def _encoded(line: Mapping[str, object]) -> bytes:
    return json.dumps(line).encode() + b"\n"
