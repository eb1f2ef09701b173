"""Logs become frames; what is wrong with one is a sentence that names file and line."""

from __future__ import annotations

import json

import pytest

from analysis.documents import MOST_WHOLE
from analysis.errors import AnalysisError
from analysis.experiments.logs import read
from tests.analysis.experiments.conftest import anatomy, end, evaluation, header, write_lines, write_run


def test_a_run_is_a_row_with_its_end_and_the_moment_it_solved_the_task(runs):
    write_run(runs, [0.3, 0.01, 0.009], [0.2, 0.99, 1.0], "solved", speed=25)
    logs = read(runs)
    (row,) = logs.runs.to_dict("records")
    assert row["run"] == "copying-T100/urnn-n128-seed0"
    assert (row["outcome"], row["iterations"], row["seconds"]) == ("solved", 150, 6.0)
    assert (row["loss"], row["score"], row["scored_on"]) == (0.009, 1.0, "test")
    assert (row["solved_iteration"], row["solved_seconds"]) == (100, 4.0)
    assert row["iterations_per_second"] == 25
    assert list(logs.evaluations["iteration"]) == [50, 100, 150]
    assert logs.problems == ()


def test_without_an_end_the_last_evaluation_speaks_and_the_run_is_unfinished(runs):
    write_run(runs, [0.3, 0.2], [0.2, 0.3], None)
    (row,) = read(runs).runs.to_dict("records")
    assert (row["outcome"], row["iterations"], row["scored_on"], row["loss"]) == (
        "unfinished",
        100,
        "validation",
        0.2,
    )


def test_a_run_that_went_on_after_an_interruption_has_no_end_and_its_later_lines_count(runs):
    first = evaluation(50, 0.5, 0.1)
    again, further = evaluation(50, 0.4, 0.1), evaluation(100, 0.3, 0.1)
    write_lines(runs, "a", [header(), first, end("interrupted", first), again, further])
    logs = read(runs)
    assert list(logs.runs["outcome"]) == ["unfinished"]
    assert list(logs.evaluations["loss"]) == [0.4, 0.3]


def test_a_torn_last_line_is_left_out_and_a_run_that_has_just_started_is_read(runs):
    path = write_lines(runs, "a", [header()])
    path.write_text(path.read_text() + '{"kind": "evalua')
    (row,) = read(runs).runs.to_dict("records")
    assert (row["outcome"], row["iterations"], row["seconds"]) == ("unfinished", 0, 0)


def test_a_diverged_run_may_have_losses_that_are_no_numbers(runs):
    write_run(runs, [0.3, float("nan")], [0.2, 0.1], "diverged")
    (row,) = read(runs).runs.to_dict("records")
    assert (row["outcome"], row["message"]) == ("diverged", "diverged after 100 iterations")
    assert row["loss"] != row["loss"]


def test_looks_inside_are_a_row_a_time_step(runs):
    write_run(runs, [0.3], [0.2], looks=[anatomy(0, 3, 1.0, 0.5), anatomy(100, 2, 1.0, 0.5)])
    frame = read(runs).anatomy
    assert list(zip(frame["iteration"], frame["t"], strict=True)) == [(0, 1), (0, 2), (0, 3), (100, 1), (100, 2)]
    assert frame["gradient_norm"].iloc[2] == 1.0
    assert set(frame["run"]) == {"copying-T100/urnn-n128-seed0"}


def test_each_test_length_is_a_row_beside_the_trained_one(runs):
    last = evaluation(50, 0.01, 0.99)
    longer = [{"steps": 64, "loss": 0.02, "score": 0.98}, {"steps": 256, "loss": float("inf"), "score": 0.5}]
    first = header(task="parity", length=40, shortest_steps=4)
    write_lines(runs, "a", [first, last, end("solved", last, longer_tests=longer)])
    write_lines(runs, "b", [header(), last, end("solved", last)])
    write_lines(runs, "c", [header(), last, end("solved", last, longer_tests=[])])
    frame = read(runs).lengths
    assert list(frame["run"]) == ["a", "a", "a"]
    assert list(frame["steps"]) == [40, 64, 256]
    assert list(frame["score"]) == [0.99, 0.98, 0.5]
    assert list(frame["loss"].isna()) == [False, False, True]
    assert list(read(runs).runs["shortest_steps"].fillna(0)) == [4, 0, 0]


def test_each_probe_is_a_row(runs):
    last = evaluation(50, 0.01, 0.99)
    whole = {"quantity": "product", "window": None, "score": 0.4, "guessing": 0.2}
    pair = {"quantity": "abelian part", "window": 2, "score": 0.9, "guessing": 0.5}
    write_lines(runs, "a", [header(task="words_s3"), last, end("solved", last, probes=[whole, pair])])
    write_lines(runs, "b", [header(), last, end("solved", last)])
    frame = read(runs).probes
    assert list(frame["run"]) == ["a", "a"]
    assert list(frame["quantity"]) == ["product", "abelian part"]
    assert list(frame["window"].isna()) == [True, False]
    assert list(frame["score"]) == [0.4, 0.9]


FIRST, OK = header(), evaluation(50, 0.1, 0.1)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([OK], 'line 1: expected kind to be run, got "evaluation".'),
        ([FIRST | {"format": 2}], "line 1: expected format to be 1, got 2."),
        (
            [header(hidden_size="128")],
            f'line 1: expected hidden_size to be a whole number from 1 to {MOST_WHOLE:,}, got "128".',
        ),
        ([header(label=None)], "line 1: expected label to be a text, got null."),
        (
            [FIRST, OK | {"iteration": 1.5}],
            f"line 2: expected iteration to be a whole number from 0 to {MOST_WHOLE:,}, got 1.5.",
        ),
        (
            [FIRST, OK, OK | {"seconds": True}],
            "line 3: expected seconds to be a number from 0 to 1e+100, got true.",
        ),
        ([FIRST, {"kind": "note"}], 'line 2: expected kind to be one of evaluation, end, anatomy, got "note".'),
        (
            [FIRST, end("won", OK)],
            "line 2: expected outcome to be one of solved, finished, not finished, diverged, interrupted, "
            'got "won".',
        ),
        (
            [FIRST, OK, end("solved", OK, longer_tests=5)],
            "line 3: expected longer_tests to be a list, got 5.",
        ),
        (
            [FIRST, OK, end("solved", OK, longer_tests=[{"steps": 0}])],
            f"line 3: expected steps to be a whole number from 1 to {MOST_WHOLE:,}, got 0.",
        ),
        (
            [FIRST, OK, end("solved", OK, probes=[{"quantity": "sum", "score": 1.0, "guessing": 0.5}])],
            'line 3: expected quantity to be one of product, abelian part, got "sum".',
        ),
        (
            [FIRST, OK, end("solved", OK, probes=[{"quantity": "product", "score": 2.0, "guessing": 0.5}])],
            "line 3: expected score to be a number from 0 to 1, got 2.0.",
        ),
        ([FIRST, [1]], "line 2: expected it to be an object, got a list."),
        (
            [FIRST, anatomy(0, 2, 1.0, 1.0) | {"t": 1}],
            "line 2: expected t to be a list, got 1.",
        ),
        (
            [FIRST, anatomy(0, 2, 1.0, 1.0) | {"t": [1]}],
            "line 2: expected lists of one length, got t 1, state_norm 2, state_change 2, gradient_norm 2.",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(runs, entries, message):
    path = write_lines(runs, "a", entries)
    with pytest.raises(AnalysisError) as caught:
        read(runs)
    assert str(caught.value) == f"No usable run in 1 log: {path}, {message}"


def test_damage_before_the_last_line_is_an_error(runs):
    path = write_lines(runs, "a", [FIRST, OK])
    path.write_text(path.read_text().replace('"loss"', '"lo', 1))
    with pytest.raises(
        AnalysisError, match=r"line 2: expected complete JSON, but it is cut off .*at column \d+\.$"
    ):
        read(runs)


def test_a_damaged_log_among_others_is_reported_and_left_out(runs):
    write_run(runs, [0.3], [0.2])
    path = write_lines(runs, "empty", [])
    logs = read(runs)
    assert logs.problems == (f"{path}: expected a training log, but it holds no whole line.",)
    assert len(logs.runs) == 1


def test_a_folder_without_runs_is_an_error(runs):
    with pytest.raises(
        AnalysisError, match=r"runs: holds no training run \(no log.jsonl\); run `python -m bench rep"
    ):
        read(runs)
    with pytest.raises(
        AnalysisError, match="nowhere: no such folder; expected training runs; run `python -m bench"
    ):
        read(runs / "nowhere")


def test_unknown_fields_do_no_harm(runs):
    write_lines(runs, "a", [header(weather=0.1), OK])
    assert "weather" not in read(runs).runs.columns
    assert json.loads((runs / "a" / "log.jsonl").read_text().splitlines()[0])["weather"] == 0.1
