"""pytest-benchmark's JSON (`--benchmark-json`), whoever's benchmarks they are.

A file is one process. The median is of its rounds, which the tool's autosave drops after summing them up.
"""

from pathlib import Path
from statistics import median
from typing import Any

from analysis.documents import MISSING, SECONDS, TEXT, ListOf, MisfitError, Record, check
from analysis.harnesses.times import Times, require_new

STATS = Record({}, {"data": ListOf(SECONDS), "median": SECONDS})
FILE = Record(
    {"benchmarks": ListOf(Record({"fullname": TEXT, "stats": STATS})), "machine_info": Record({}, {"node": TEXT})},
    {"commit_info": Record({}, {"id": TEXT}), "datetime": TEXT},
)
UNKNOWN = "unversioned"


def recognises(document: Any) -> bool:
    """Whether it looks like such a file, damaged or not."""
    return isinstance(document, dict) and "benchmarks" in document and "machine_info" in document


def times(document: Any, path: Path) -> Times:
    """Raises AnalysisError for a damaged file."""
    check(document, FILE, path)
    seconds: dict[str, tuple[float, ...]] = {}
    for number, entry in enumerate(document["benchmarks"]):
        require_new(entry["fullname"], seconds, ("benchmarks", number, "fullname"))
        stats = entry["stats"]
        found = median(stats["data"]) if stats.get("data") else stats.get("median")
        if found is None:
            raise MisfitError(("benchmarks", number, "stats", "median"), "there where data is not", MISSING)
        seconds[entry["fullname"]] = (found,)
    commit = (document.get("commit_info") or {}).get("id") or ""
    return Times(
        seconds,
        machine=document["machine_info"].get("node") or "",
        commit="" if commit == UNKNOWN else commit,
        begun=document.get("datetime") or "",
    )
