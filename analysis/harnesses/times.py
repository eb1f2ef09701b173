"""What a file of any benchmark tool says: the time of each benchmark, a value a process."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.documents import MisfitError


@dataclass(frozen=True)
class Times:
    """One file.

    Attributes:
        seconds: benchmark -> the median of each process, of which most files hold one.
        how: benchmark -> what was timed, where a file says it; two that differ are no measurements of one thing.
        messages: benchmark -> why it has no time.
        skipped: benchmarks that the tool was told to leave out.
        machine, commit, begun: "" where the file does not say; `begun` is ISO 8601.
        notes: what whoever reads the table should know of this file.
    """

    seconds: Mapping[str, tuple[float, ...]]
    how: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    machine: str = ""
    commit: str = ""
    begun: str = ""
    notes: tuple[str, ...] = ()


def require_new(name: str, known: Mapping[str, object], place: tuple[str | int, ...]) -> None:
    """Raises MisfitError for a second benchmark of one name: whose time would be whose?"""
    if name in known:
        raise MisfitError(place, "another benchmark than those before it", name)
