"""nvbench's JSON (`--json`): kernels on a GPU, a benchmark for each state of its axes.

A file is one process; its value is the mean of the first kind of time below that it has.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.documents import ANYTHING, FLAG, SECONDS, TEXT, ListOf, Maybe, MisfitError, Record, check
from analysis.harnesses.times import Times, require_new

TIMES = ("nv/cold/time/gpu/mean", "nv/batch/time/gpu/mean", "nv/cpu_only/time/cpu/mean")
VALUE = "value"
NAMED = Record({"name": TEXT, VALUE: ANYTHING})
SUMMARY = Record({"tag": TEXT, "data": ListOf(NAMED)})
STATE = Record(
    {"name": TEXT},
    {"summaries": ListOf(SUMMARY), "is_skipped": FLAG, "skip_reason": TEXT},
)
BENCHMARK = Record({"name": TEXT, "states": Maybe(ListOf(STATE))})
FILE = Record({"benchmarks": ListOf(BENCHMARK), "devices": Maybe(ListOf(Record({"name": TEXT})))})


def recognises(document: Any) -> bool:
    """Whether it looks like such a file, damaged or not."""
    return isinstance(document, dict) and "benchmarks" in document and "devices" in document


def times(document: Any, path: Path) -> Times:
    """Raises AnalysisError for a damaged file."""
    check(document, FILE, path)
    seconds: dict[str, tuple[float, ...]] = {}
    how: dict[str, str] = {}
    messages: dict[str, str] = {}
    skipped = set()
    for number, benchmark in enumerate(document["benchmarks"]):
        for at, state in enumerate(benchmark["states"] or ()):
            place = ("benchmarks", number, "states", at)
            name = f"{benchmark['name']} {state['name']}".strip()
            require_new(name, seconds | messages, (*place, "name"))
            tag, found = _time(state, place)
            if state.get("is_skipped"):
                messages[name] = state.get("skip_reason") or "skipped"
                skipped.add(name)
            elif found is None:
                messages[name] = "no time"
            else:
                seconds[name], how[name] = (found,), tag
    devices = dict.fromkeys(device["name"] for device in document["devices"] or ())
    return Times(seconds, how, messages, frozenset(skipped), machine=", ".join(devices))


def _time(state: Mapping[str, Any], place: tuple[str | int, ...]) -> tuple[str, float | None]:
    """The tag of the time that a state has, and the seconds, which nvbench writes as a text."""
    found = {one["tag"]: (at, one["data"]) for at, one in enumerate(state.get("summaries") or ())}
    tag = next((tag for tag in TIMES if tag in found), "")
    if not tag:
        return "", None
    at, data = found[tag]
    values = [named[VALUE] for named in data if named["name"] == VALUE]
    return tag, _seconds(values[0] if values else None, (*place, "summaries", at, VALUE))


def _seconds(text: Any, place: tuple[str | int, ...]) -> float:
    try:
        found = float(text) if isinstance(text, str) else text
    except ValueError:
        raise MisfitError(place, "a number of seconds", text) from None
    SECONDS.check(found, place)
    return float(found)
