"""JSON that an earlier run has left: read as what it is expected to be, or refused with the file's name.

What is refused is left as it is: it may hold an hour of measuring that an editor can save.
"""

import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.errors import ResultsError

Check = Callable[[object], bool]


def read_plan(path: Path, checks: Mapping[str, Check], version: int, advice: str) -> dict:
    """The plan at `path`, of that format, with all keys of `checks`, each passing its own.

    Raises:
        ResultsError: it is damaged or of another format; the message ends in `advice`.
    """
    try:
        plan = read_json(path)
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} is not a whole plan ({error}); {advice}.") from error
    found = plan.get("format") if isinstance(plan, dict) else None
    if found != version or isinstance(found, bool):
        raise ResultsError(f"expected {path} to be of format {version}, got {str(found)[:40]}; {advice}.")
    for key, check in checks.items():
        if key not in plan or not check(plan[key]):
            what = f"got {str(plan[key])[:40]}" if key in plan else "it is missing"
            raise ResultsError(f"{path} is damaged at {key!r} ({what}); {advice}.")
    return plan


def read_json(path: Path) -> object:
    """What a plain file holds.

    Raises:
        OSError: it cannot be read, or is a pipe, a device or a folder.
        ValueError: it is no JSON, or no text.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe would wait for its other end
    with os.fdopen(descriptor, encoding="utf-8-sig") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("no plain file")
        try:
            return json.load(file)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None


def is_text(value: object) -> bool:
    """A string."""
    return isinstance(value, str)


def is_flag(value: object) -> bool:
    """True or false."""
    return isinstance(value, bool)


def is_count(value: object) -> bool:
    """A whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_texts(value: object) -> bool:
    """A list of strings."""
    return isinstance(value, list) and all(map(is_text, value))


def is_mapping(value: object) -> bool:
    """A JSON object."""
    return isinstance(value, dict)


def or_null(check: Check) -> Check:
    """What passes `check`, or null."""
    return lambda value: value is None or check(value)
