"""What a measuring process reports: one JSON object per line, read by `bench.lane.reports`.

The lines stay as they are, because a gate may have an older commit measured by that commit's own suite. Each is
answered by a line; that to `Started` says in how many parts the cell's rounds are to be measured, which an older
suite does not read. A measuring process imports this module: the standard library alone.
"""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Header:
    """The first report: the machine and the commit, as pytest-benchmark describes them."""

    machine_info: dict[str, object]
    commit_info: dict[str, object]


@dataclass(frozen=True)
class Started:
    """The process is about to measure this cell, and begins once it is answered."""

    cell: str


@dataclass(frozen=True)
class Paused:
    """The process is in the middle of this cell, and goes on once it is answered."""

    cell: str


@dataclass(frozen=True)
class Measured:
    """The cell's figures, as pytest-benchmark writes them into its files."""

    cell: str
    benchmark: dict[str, Any]


@dataclass(frozen=True)
class GaveNothing:
    """The cell has no figures: an outcome of `analysis.vocabulary`, and one sentence that says why.

    `again`: its surroundings failed and not the cell, so that the next run is to measure it.
    """

    cell: str
    outcome: str
    message: str
    again: bool = False


Event = Header | Started | Paused | Measured | GaveNothing

KINDS: dict[str, type[Event]] = {
    "header": Header,
    "start": Started,
    "pause": Paused,
    "benchmark": Measured,
    "outcome": GaveNothing,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


def encode(event: Event) -> bytes:
    """The event as one line."""
    return json.dumps({"kind": _NAMES[type(event)], **vars(event)}).encode() + b"\n"
