"""A report is the same on both ends of the socket; what is none is a sentence, and so is one out of turn."""

import json
from dataclasses import replace

import pytest

from bench.errors import SweepError
from bench.lane.events import GaveNothing, Header, Measured, Paused, Started, encode
from bench.lane.lane import Lane, Side
from bench.lane.reports import decode
from bench.lane.settings import Settings
from bench.profiles import PROFILES
from bench.run_file import RunFile
from tests.bench.cells import TINY
from tests.bench.lane.played import Process

BENCHMARK = {"params": {"cell_id": TINY.id}, "extra_info": {"pass": 1}, "stats": {"data": [0.1]}}
EVENTS = [
    Header({"node": "box"}, {"id": "a"}),
    Started(TINY.id),
    Paused(TINY.id),
    Measured(TINY.id, BENCHMARK),
    GaveNothing(TINY.id, "failed", "ValueError: a\nline", again=True),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_one_line_and_read_back(event):
    line = encode(event)
    assert line.count(b"\n") == 1
    assert decode(line.decode()) == event


def test_the_lines_are_those_that_older_suites_write():
    """A gate reads them where it has a commit measured by its own suite."""
    kinds = [json.loads(encode(event))["kind"] for event in EVENTS]
    assert kinds == ["header", "start", "pause", "benchmark", "outcome"]
    older = {"kind": "outcome", "cell": TINY.id, "outcome": "failed", "message": "no"}
    assert decode(json.dumps(older)) == GaveNothing(TINY.id, "failed", "no", again=False)
    assert decode(json.dumps({"kind": "start", "cell": TINY.id, "more": 1})) == Started(TINY.id)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "expected complete JSON, but it is cut off or damaged at column 1"),
        ("[]", "expected it to be an object, got a list that is empty"),
        ("{}", "expected kind to be one of header, start, pause, benchmark, outcome, got nothing"),
        ('{"kind": "end"}', 'expected kind to be one of header, start, pause, benchmark, outcome, got "end"'),
        ('{"kind": "start"}', "expected cell to be a text, got nothing"),
        ('{"kind": "header", "machine_info": {}}', "expected commit_info to be an object, got nothing"),
        (
            '{"kind": "benchmark", "cell": "a", "benchmark": {}}',
            "expected benchmark.params to be an object, got nothing",
        ),
        ('{"kind": "outcome", "cell": "a", "outcome": "failed"}', "expected message to be a text, got nothing"),
        (
            '{"kind": "outcome", "cell": "a", "outcome": "failed", "message": "", "again": 1}',
            "expected again to be true or false, got 1",
        ),
    ],
)
def test_a_line_that_is_no_event_is_one_sentence(line, message):
    with pytest.raises(SweepError) as caught:
        decode(line)
    assert str(caught.value) == f"a report of the measuring process: {message}"


@pytest.mark.parametrize(
    ("event", "got"),
    [
        (Started("other"), "Started other"),
        (Paused("other"), "Paused other"),
        (replace(EVENTS[-1], cell="other"), "GaveNothing other"),
        (EVENTS[0], "Header"),
    ],
    ids=["start", "pause", "other cell", "header"],
)
def test_a_report_out_of_turn_is_one_sentence(machine, tmp_path, monkeypatch, event, got):
    """A lane that took it for a death would wait for a process that goes on."""
    monkeypatch.setattr(Process, "events", lambda self: iter([*EVENTS[:2], event]))
    run_file = RunFile.at(tmp_path / "run.json", {})
    with Lane(Side(Settings(PROFILES["quick"], 1, "kept"), run_file), [TINY], 1) as tested:
        tested.start()
        with pytest.raises(SweepError) as caught:
            tested.measure()
    assert str(caught.value) == f"expected the measuring process to report what came of {TINY.id}, got {got}"
    assert run_file.measured() == set()
    assert machine.running == 0
