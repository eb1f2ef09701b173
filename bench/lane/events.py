"""What a measuring process reports: one JSON object per line, read and checked here alone.

The lines stay as they are, because a gate may have an older commit measured by that commit's own suite. A
measuring process imports this module, so of `analysis` it takes only what needs the standard library alone.
"""

import json
from dataclasses import dataclass

from analysis import documents
from analysis.documents import COUNT, FLAG, TEXT, Record, Text
from analysis.errors import AnalysisError
from bench.errors import SweepError


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
class Measured:
    """The cell's figures, as pytest-benchmark writes them into its files."""

    cell: str
    benchmark: dict[str, object]


@dataclass(frozen=True)
class GaveNothing:
    """The cell has no figures: an outcome of `analysis.vocabulary`, and one sentence that says why.

    `again`: its surroundings failed and not the cell, so that the next run is to measure it.
    """

    cell: str
    outcome: str
    message: str
    again: bool = False


Event = Header | Started | Measured | GaveNothing

KINDS: dict[str, type[Event]] = {
    "header": Header,
    "start": Started,
    "benchmark": Measured,
    "outcome": GaveNothing,
}
_NAMES = {kind: name for name, kind in KINDS.items()}
_FIGURES = Record({"params": Record({"cell_id": TEXT}), "extra_info": Record({"pass": COUNT}), "stats": Record()})
_SHAPES = {
    Header: Record({"machine_info": Record(), "commit_info": Record()}),
    Started: Record({"cell": TEXT}),
    Measured: Record({"cell": TEXT, "benchmark": _FIGURES}),
    GaveNothing: Record({"cell": TEXT, "outcome": TEXT, "message": TEXT}, {"again": FLAG}),
}
_ANY = Record({"kind": Text(tuple(KINDS))})


def encode(event: Event) -> bytes:
    """The event as one line."""
    return json.dumps({"kind": _NAMES[type(event)], **vars(event)}).encode() + b"\n"


def decode(line: str) -> Event:
    """The event that a line holds; unknown keys are left out.

    Raises:
        SweepError: it holds none; the message says what was expected and what came.
    """
    place = "a report of the measuring process"
    try:
        data = documents.parse(line.encode(), place, of_a_line=True)
        documents.check(data, _ANY, place)
        kind = KINDS[data["kind"]]
        documents.check(data, _SHAPES[kind], place)
    except AnalysisError as error:
        raise SweepError(str(error).removesuffix(".")) from error
    return kind(**{name: data[name] for name in kind.__dataclass_fields__ if data.get(name) is not None})
