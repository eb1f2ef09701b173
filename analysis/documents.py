"""One reader for every JSON file, and the shapes that files must have.

A damaged file must lead to a sentence that names it, never to a traceback, an endless wait or a wrong number. The
shapes are our own: bench reads by them with the standard library alone, and pydantic's records take as many lines.
"""

import json
import math
import os
import stat
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from analysis.errors import AnalysisError

MOST_BYTES = 2**28
MOST_NESTED = 64
MOST_DIGITS = 40
SHOWN = 60  # characters of a damaged value in a message

# No measurement leaves these bounds: a picosecond to thirty years, and what a number of bytes or cells can be.
LEAST_SECONDS, MOST_SECONDS = 1e-12, 1e9
MOST_WHOLE = 10**15
LARGEST_SIZE = 10**9
LARGEST = 1e100

Place = tuple[str | int, ...]


class MisfitError(Exception):
    """Data of another shape: where, what was expected and what came."""

    def __init__(self, place: Place, expected: str, got: Any) -> None:
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
        super().__init__(f"expected {where or 'it'} to be {expected}, got {_shown(got)}")


MISSING = object()  # a key that is not there


def _shown(value: Any) -> str:
    if value is MISSING:
        return "nothing"
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'}{'' if value else ' that is empty'}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


class Shape(Protocol):
    """What a value must be."""

    def check(self, value: Any, place: Place) -> None:
        """Raises MisfitError for a value of another shape."""


@dataclass(frozen=True)
class Value:
    """A value that passes a test, what that means in words, and the dtype of a table's column of such values."""

    expected: str
    fits: Callable[[Any], bool]
    dtype: str = "object"

    def check(self, value: Any, place: Place) -> None:
        if not self.fits(value):
            raise MisfitError(place, self.expected, value)


def one_of(*choices: str | int) -> Value:
    """One of these texts or numbers."""
    words = ", ".join(map(str, choices))
    known = {(type(choice), choice) for choice in choices}  # for Python, True is 1
    return Value(
        words if len(choices) == 1 else f"one of {words}",
        lambda value: isinstance(value, str | int) and (type(value), value) in known,
        "string",
    )


def whole(least: int = 0, most: int = MOST_WHOLE) -> Value:
    """A whole number within bounds."""
    expected = f"a whole number from {least:,} to {most:,}"
    return Value(expected, lambda value: type(value) is int and least <= value <= most, "Int64")


def real(least: float = -LARGEST, most: float = LARGEST, *, nan: bool = False) -> Value:
    """A finite number within bounds; `nan`: or NaN, where that has a meaning."""

    def fits(value: Any) -> bool:
        return type(value) in (float, int) and (least <= value <= most or (nan and math.isnan(value)))

    return Value(f"a number from {least:g} to {most:g}", fits, "float64")


@dataclass(frozen=True)
class Maybe:
    """A shape, or null."""

    shape: Shape

    def check(self, value: Any, place: Place) -> None:
        if value is not None:
            self.shape.check(value, place)


@dataclass(frozen=True)
class ListOf:
    """A list of values of one shape, at least so many."""

    shape: Shape
    least: int = 0

    def check(self, value: Any, place: Place) -> None:
        if not isinstance(value, list) or len(value) < self.least:
            raise MisfitError(place, f"a list{f' of at least {self.least}' if self.least else ''}", value)
        for number, item in enumerate(value):
            self.shape.check(item, (*place, number))


@dataclass(frozen=True)
class MapOf:
    """An object whose values have one shape, whatever its keys."""

    shape: Shape

    def check(self, value: Any, place: Place) -> None:
        Record(dict.fromkeys(value, self.shape) if isinstance(value, dict) else {}).check(value, place)


@dataclass(frozen=True)
class Record:
    """An object with these keys; `optional` ones may be missing or null, and unknown ones are left alone."""

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)

    def check(self, value: Any, place: Place) -> None:
        if not isinstance(value, dict):
            raise MisfitError(place, "an object", value)
        for key, shape in self.required.items():
            shape.check(value.get(key, MISSING), (*place, key))
        for key, shape in self.optional.items():
            Maybe(shape).check(value.get(key), (*place, key))


SECONDS = real(LEAST_SECONDS, MOST_SECONDS)
DURATION = real(0.0, MOST_SECONDS)
COUNT = whole()
SIZE = whole(1, LARGEST_SIZE)
FEW = whole(1, 10**6)  # layers, passes, threads
AMOUNT = real(0.0, 1e18)  # bytes or calls
TEXT = Value("a text", lambda value: isinstance(value, str), "string")
FLAG = Value("true or false", lambda value: isinstance(value, bool), "boolean")
ANYTHING = Value("there", lambda value: value is not MISSING)

Columns = Mapping[str, Value | Maybe]  # of a table


def dtypes(columns: Columns) -> dict[str, str]:
    """Name -> dtype of a frame's column."""
    return {name: (shape.shape if isinstance(shape, Maybe) else shape).dtype for name, shape in columns.items()}


def load(path: Path, shape: Shape | None = None) -> Any:
    """The data of one JSON file; bare NaN and Infinity, which asv writes, are allowed where the shape allows them.

    Raises AnalysisError where the file cannot be read, is no complete JSON, or has another shape.
    """
    data = parse(read_bytes(path), str(path))
    if shape is not None:
        check(data, shape, path)
    return data


def load_format(path: Path, shape: Shape, number: int, what: str) -> Any:
    """`load` for a file that says the number of its format; `what` names such a file in the message."""
    data = load(path)
    given = data.get("format") if isinstance(data, dict) else None
    if given != number:
        raise AnalysisError(f"{path}: expected {what} of format {number}, got {given!r}.")
    check(data, shape, path)
    return data


def check(data: Any, shape: Shape, path: Path | str, at: Place = ()) -> None:
    """Raises AnalysisError for data of another shape; `at` is its place in the file."""
    try:
        shape.check(data, at)
    except MisfitError as misfit:
        raise AnalysisError(f"{path}: {misfit}.") from None


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file. Raises AnalysisError for anything else and for one beyond MOST_BYTES."""
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):  # a pipe that nobody writes to would be waited for
            raise AnalysisError(f"{path}: expected a file, got {_kind(mode)}.")
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise AnalysisError(f"{path}: cannot be read ({reason(error)}).") from error
    if len(data) > MOST_BYTES:
        raise AnalysisError(f"{path}: expected at most {MOST_BYTES // 2**20} MiB, got more.")
    return data


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((words for test, words in kinds if test(mode)), "a device")


def reason(error: Exception) -> str:
    """The system's message for a failure, without error number and file name."""
    return getattr(error, "strerror", None) or str(error)


def parse(data: bytes, place: str, *, of_a_line: bool = False) -> Any:
    """JSON text in UTF-8, with or without a byte-order mark, or in UTF-16 -> data whose texts can be written.

    Raises AnalysisError, beginning with `place`, which names the line already where it is `of_a_line`.
    """
    try:
        text = data.decode(json.detect_encoding(data))
        return _clean(json.loads(text, parse_int=_whole, object_pairs_hook=_object), MOST_NESTED)
    except UnicodeDecodeError as error:
        raise AnalysisError(f"{place}: expected JSON text in UTF-8, got other bytes.") from error
    except json.JSONDecodeError as error:
        at = f"column {error.colno}" if of_a_line else f"line {error.lineno}, column {error.colno}"
        raise AnalysisError(f"{place}: expected complete JSON, but it is cut off or damaged at {at}.") from error
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise AnalysisError(f"{place}: expected JSON as programs write it, but {why}.") from error


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"it holds a number of {len(digits)} digits")
    return int(digits)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value] # None
        raise ValueError(f"the key {_shown(twice)} stands twice in one object")
    return found


def _clean(value: Any, depth: int) -> Any:
    """The same data with control characters and lone surrogates, which no file and no figure takes, as escapes."""
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_writable, value))
    if isinstance(value, dict | list) and depth == 0:
        raise RecursionError
    if isinstance(value, dict):
        return {_clean(key, depth): _clean(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [item if type(item) is float else _clean(item, depth - 1) for item in value]
    return value


def _writable(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs"):
        return character
    return character.encode("unicode_escape").decode("ascii")
