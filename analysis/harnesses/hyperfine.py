"""hyperfine's JSON (`--export-json`): times of whole commands.

Each run of a command is a process of its own, so one file holds several.
"""

from pathlib import Path
from typing import Any

from analysis.documents import SECONDS, TEXT, ListOf, Maybe, Record, check, whole
from analysis.errors import AnalysisError
from analysis.harnesses.times import Times, require_new

CODE = Maybe(whole(-(2**31), 2**32))
RESULT = Record({"command": TEXT}, {"times": ListOf(SECONDS), "median": SECONDS, "exit_codes": ListOf(CODE)})
FILE = Record({"results": ListOf(RESULT)})


def recognises(document: Any) -> bool:
    """Whether it looks like such a file, damaged or not."""
    results = document.get("results") if isinstance(document, dict) else None
    return isinstance(results, list) and all(isinstance(one, dict) and "command" in one for one in results)


def times(document: Any, path: Path) -> Times:
    """Raises AnalysisError for a damaged file."""
    check(document, FILE, path)
    seconds: dict[str, tuple[float, ...]] = {}
    notes = []
    for number, found in enumerate(document["results"]):
        command = found["command"]
        require_new(command, seconds, ("results", number, "command"))
        values = found.get("times") or ([found["median"]] if found.get("median") else [])
        if not values:
            raise AnalysisError(f"{path}: expected times of {command!r}, got none.")
        seconds[command] = tuple(values)
        if any(found.get("exit_codes") or ()):
            notes.append(f"{command!r} ended with an error in some of its runs")
    return Times(seconds, notes=tuple(notes))
