"""The lines that a measuring process writes -> events, read and checked here alone."""

from analysis import documents
from analysis.documents import COUNT, FLAG, TEXT, Record, one_of
from analysis.errors import AnalysisError
from bench.errors import SweepError
from bench.lane.events import KINDS, Event, GaveNothing, Header, Measured, Paused, Started

_FIGURES = Record({"params": Record({"cell_id": TEXT}), "extra_info": Record({"pass": COUNT}), "stats": Record()})
_SHAPES = {
    Header: Record({"machine_info": Record(), "commit_info": Record()}),
    Started: Record({"cell": TEXT}),
    Paused: Record({"cell": TEXT}),
    Measured: Record({"cell": TEXT, "benchmark": _FIGURES}),
    GaveNothing: Record({"cell": TEXT, "outcome": TEXT, "message": TEXT}, {"again": FLAG}),
}
_ANY = Record({"kind": one_of(*KINDS)})


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
