"""Settings that tuning chose on validation data: a file for each task and model, `tuned_settings/TASK/MODEL.toml`.

`python -m bench tune --write` writes them; docs/training.md says by which protocol. A file has the settings and,
in `[trials]`, what they were chosen from.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from urnn.files import write_atomically
from urnn.training import problems

FOLDER = Path(__file__).with_name("tuned_settings")
FORMAT = 1
NAMES = ("optimiser", "learning_rate", "slow_rate", "decay", "momentum", "clip", "clip_norm", "initial")

Values = Mapping[str, str | int | float | None]


def place_of(task: str, length: int | None) -> str:
    """The folder of a task at a length.

    Example:
        >>> from urnn.training import tuned
        >>> tuned.place_of("adding", 200), tuned.place_of("parity", 40)
        ('adding-200', 'parity')
    """
    return f"{task}-{length}" if task in problems.LENGTHS else task


def parsed(place: str) -> tuple[str, int | None]:
    """The task and its length, None where it has its own.

    Raises:
        ValueError: there is no such task, or it cannot have that length.

    Example:
        >>> from urnn.training import tuned
        >>> tuned.parsed("adding-200"), tuned.parsed("parity")
        (('adding', 200), ('parity', None))
    """
    task, dash, digits = place.partition("-")
    problems.require_known(task)
    if task not in problems.LENGTHS and dash:
        raise ValueError(f"{task} has a length of its own, got {place!r}; say {task}")
    if task in problems.LENGTHS and not (digits.isascii() and digits.isdigit() and len(digits) < 11):
        raise ValueError(f"{task} needs a length, got {place!r}; say {task}-{problems.LENGTHS[task].example}")
    length = int(digits) if dash else None
    problems.require_length(task, length)
    return task, length


def read(task: str, length: int | None, model: str, folder: Path = FOLDER) -> dict[str, Any] | None:
    """The file's tables "settings" and "trials", or None where this was not tuned.

    Raises:
        ValueError: it is damaged; the message names it.

    Example:
        >>> from urnn.training import tuned
        >>> tuned.read("adding", 12345, "urnn") is None
        True
    """
    path = folder / place_of(task, length) / f"{model}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {path} ({error}); python -m bench tune --write makes it anew") from error
    settings: Any
    trials: Any
    settings, trials = content.get("settings"), content.get("trials")
    whole = isinstance(settings, dict) and isinstance(trials, dict) and set(settings) <= set(NAMES)
    if content.get("format") != FORMAT or not whole:
        raise ValueError(f"{path} is no file of format {FORMAT}; python -m bench tune --write makes it anew")
    return {"settings": {name: settings.get(name) for name in NAMES}, "trials": trials}


def nearest(task: str, length: int | None, model: str) -> tuple[int | None, dict[str, Any]] | None:
    """The T that was tuned and its settings: of this T, else of the longest below it; None where there is none.

    Raises:
        ValueError: a file is damaged; the message names it.

    Example:
        >>> from urnn.training import tuned
        >>> tuned.nearest("adding", 2, "urnn") is None
        True
    """
    if task not in problems.LENGTHS:
        found = read(task, None, model, FOLDER)
        return (None, found["settings"]) if found else None
    names = (path.parent.name.rpartition("-") for path in FOLDER.glob(f"{task}-*/{model}.toml"))
    lengths = [int(digits) for name, _, digits in names if name == task and digits.isdigit()]
    at = max((one for one in lengths if length is not None and one <= length), default=None)
    found = read(task, at, model, FOLDER) if at is not None else None
    return (at, found["settings"]) if found else None


def write(
    task: str, length: int | None, model: str, settings: Values, trials: Values, folder: Path = FOLDER
) -> Path:
    """Writes the file, whole or not at all. What is None is left out.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / place_of(task, length) / f"{model}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["# Written by `python -m bench tune --write`.", f"format = {FORMAT}"]
    for name, table in (("settings", settings), ("trials", trials)):
        lines += [
            "",
            f"[{name}]",
            *(f"{key} = {_text(value)}" for key, value in table.items() if value is not None),
        ]
    write_atomically(path, "\n".join([*lines, ""]).encode())
    return path


def _text(value: str | int | float) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if isinstance(value, str) else repr(value)
