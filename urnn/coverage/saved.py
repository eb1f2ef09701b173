"""What is read of a saved metric, checked: a file may be damaged, or written by somebody else."""

import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from urnn.quantities import require_count

P = TypeVar("P")


def parsed(text: str) -> dict[str, Any]:
    """The object that a text is of, in JSON.

    Raises:
        ValueError: it is none.

    Example:
        >>> from urnn.coverage.saved import parsed
        >>> parsed('{"format": 1}')
        {'format': 1}
    """
    try:
        stored = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(stored, dict):
        raise ValueError(f"it is of type {type(stored).__name__}, not an object")
    return stored


def part(stored: Mapping[str, Any], name: str, kind: type[P]) -> P:
    """A part that has to be an object or a list; raises ValueError unless it is, KeyError where it is missing.

    Example:
        >>> from urnn.coverage.saved import part
        >>> part({"covered": [1]}, "covered", list)
        [1]
    """
    found = stored[name]
    if not isinstance(found, kind):
        raise ValueError(f"{name} is of type {type(found).__name__}")
    return found


def reason(error: Exception) -> str:
    """What is wrong with a saved metric, in a few words.

    Example:
        >>> from urnn.coverage.saved import reason
        >>> reason(KeyError("window")), reason(ValueError("covered is of type str"))
        ("'window' is missing", 'covered is of type str')
    """
    if isinstance(error, json.JSONDecodeError):
        return "it is no JSON"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def require_numbers(fitted: Mapping[str, Any], **shapes: tuple[int, ...]) -> None:
    """Raises ValueError unless there are finite numbers of these shapes under these names, and nothing else.

    Example:
        >>> import math
        >>> from urnn.coverage.saved import require_numbers
        >>> require_numbers({"mean": 0.5, "side": [1.0, math.nan]}, mean=(), side=(2,))
        Traceback (most recent call last):
        ValueError: side of fitted is no list of finite numbers of the shape (2,)
    """
    if set(fitted) != set(shapes):
        wanted = ", ".join(shapes) or "nothing"
        raise ValueError(f"fitted has {', '.join(fitted) or 'nothing'} beside sequences, expected {wanted}")
    for name, shape in shapes.items():
        if not _has_shape(fitted[name], shape):
            what = f"list of finite numbers of the shape {shape}" if shape else "finite number"
            raise ValueError(f"{name} of fitted is no {what}")


def require_positive(fitted: Mapping[str, Any], name: str) -> None:
    """Raises ValueError unless a number or a list of numbers there is above 0.

    Example:
        >>> from urnn.coverage.saved import require_positive
        >>> require_positive({"deviation": 0.5}, "deviation")
    """
    values = fitted[name] if isinstance(fitted[name], list) else [fitted[name]]
    if not all(value > 0 for value in values):
        raise ValueError(f"{name} of fitted is not above 0")


def require_rising(numbers: object, count: int) -> None:
    """Raises TypeError or ValueError unless they are whole numbers below `count`, each above the one before.

    Example:
        >>> from urnn.coverage.saved import require_rising
        >>> require_rising([0, 3], 10)
    """
    if not isinstance(numbers, list) or not numbers:
        raise ValueError("visited of fitted is no list of numbers")
    least = 0
    for number in numbers:
        least = require_count("the next number of visited", number, least, count - 1) + 1


def _has_shape(value: object, shape: tuple[int, ...]) -> bool:
    if not shape:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, list) and len(value) == shape[0] and all(_has_shape(one, shape[1:]) for one in value)
