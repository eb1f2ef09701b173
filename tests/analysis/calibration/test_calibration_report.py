"""The report says what the rates say, met or missed, and can be made again from the recording beside it."""

from __future__ import annotations

import json
import re

import pytest

from analysis.__main__ import main
from analysis.calibration.rates import Condition, Effort
from analysis.calibration.recording import compact, read
from analysis.calibration.report import refutations, write_report
from analysis.errors import AnalysisError
from analysis.statistics import Estimate
from tests.analysis.browser import assert_it_fits, every_screen, look, needs_browser
from tests.analysis.calibration.conftest import recording
from tests.analysis.parsed import assert_it_reads_well, assert_it_stands_alone

EFFORT = Effort(gates=20, redrawn=2, gates_each=5)


@pytest.fixture(scope="session")
def report(quiet, tmp_path_factory):
    return write_report(quiet, tmp_path_factory.mktemp("calibration") / "report", EFFORT)


@pytest.mark.slow
def test_the_sentences_hold_rates_against_the_bars(report):
    said = report.headlines
    assert said[0] == (
        "Without a change, a whole run of 6 cells called a regression in 0.0 % (0.0 to 4.5) of replayed gates; "
        "the bar is 0.50 % at most, 1.5 % for the upper end: missed."
    )
    assert said[1] == (
        "Of 100 commits that change nothing timed it would call 0.0 in the mean; the bar is 1 at most: met."
    )
    assert re.fullmatch(
        r"A slowdown of 2\.0 % of urnn:cpu was called in \d+\.\d % .*; the bar is 80 % at least: (met|missed)\.",
        said[2],
    )
    assert said[3] == (
        "Of a slowdown of 5.0 %, 100.0 % of the model's cells were named; the bar is 80 % at least: met. Another "
        "model's cell was named in 0.0 % of gates; the bar is none: met."
    )
    assert said[4] == (
        "Without a change 0.0 of 6 cells are inconclusive in the mean; the bar is 0.4 at most, 3 of every 45: met."
    )
    assert re.fullmatch(r"The smallest slowdown that 95 % of gates call: \d\.\d %\.", said[5])


@pytest.mark.slow
def test_a_missed_bar_is_called_missed(tmp_path):
    said = write_report(recording(0.2, seed=3), tmp_path / "report", EFFORT).headlines
    assert said[2].endswith("the bar is 80 % at least: missed.")
    assert "the bar is 80 % at least: missed." in said[3]
    assert said[4].endswith("the bar is 0.4 at most, 3 of every 45: missed.")
    assert said[5] == "The smallest slowdown that 95 % of gates call: none of those recorded."


def test_it_says_what_would_refute_it_from_the_intervals(quiet):
    """Of 100 gates with a chance of 0.5 % each, at most 2 call in 95 % of cases; with 99 %, at least 97."""

    def condition(slowdown, low, high):
        return Condition("slow", slowdown, Estimate((low + high) / 2, low, high), {}, 0.0, 0.0, 0.0, (1.0, 1.0))

    found = [condition(0.0, 0.0, 0.005), condition(0.02, 0.0, 0.1), condition(0.05, 0.99, 1.0)]
    said = refutations(quiet, found)
    assert said[:2] == [
        "The rate of false alarms, if of 100 gates of one commit against itself more than 2 call a regression.",
        "What is caught of 5.0 %, if fewer than 97 of 100 gates call a commit that slows urnn:cpu by so much.",
    ]
    assert re.fullmatch(
        r"All of it, for a machine on which two processes .* of more than 0\.\d %, the most of any cell here; "
        r"calibrate measures that\.",
        said[2],
    )


def test_the_folder_holds_page_markdown_figure_and_recording(report, quiet):
    folder = report.page.parent
    names = {"index.html", "report.md", "recording.json", "detectable.json", "figures", "manifest.json"}
    assert {path.name for path in folder.iterdir()} == names
    text = (folder / "report.md").read_text()
    for sentence in report.headlines:
        assert f"- {sentence}\n" in text
    assert "| urnn:cpu-train-copying-n128-T100-B32-cpu-float32 |" in text
    assert_it_stands_alone(report.page.read_text())
    assert_it_reads_well(text)
    seen = json.loads((folder / "detectable.json").read_text())
    assert (seen["format"], seen["machine"], set(seen["cells"])) == (1, "a box", set(quiet.cells))
    assert "| Seen by 95 % of gates from |" in text
    again = read(folder / "recording.json")
    assert read(folder) == again
    assert again.passes == quiet.passes
    assert again.times["slow_5"] == {
        cell: {at: pytest.approx(value, rel=1e-5) for at, value in passes.items()}
        for cell, passes in quiet.times["slow_5"].items()
    }


@pytest.mark.slow
@needs_browser
@every_screen
def test_the_page_fits_and_fetches_nothing(report, tmp_path, width, dark):
    assert_it_fits(look(report.page, tmp_path, width, dark), width, dark, drawings=1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:-20], "expected complete JSON, but it is cut off or damaged at line 1, column"),
        (lambda text: text.replace('"format": 1', '"format": 9'), "expected a recording of format 1, got 9."),
        (lambda text: "[]", "expected a recording of format 1, got None."),
        (lambda text: text.replace('"slowed"', '"other"'), "expected slowed to be a text, got nothing."),
    ],
)
def test_what_is_no_recording_is_one_line_and_exit_code_2(tmp_path, quiet, capsys, damage, message):
    path = tmp_path / "recording.json"
    path.write_text(damage(compact(quiet)))
    assert main(["calibration", str(path), f"--output={tmp_path / 'report'}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: {message}")
    assert error.count("\n") == 1
    assert not (tmp_path / "report").exists()


def test_too_few_rounds_are_refused(tmp_path):
    path = tmp_path / "recording.json"
    path.write_text(compact(recording(0.01, passes=5)))
    with pytest.raises(AnalysisError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: expected at least 8 whole passes, got 5; `python -m bench calibrate` goes on recording."
    )


def test_without_a_recording_the_command_says_how_to_make_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["calibration"]) == 2
    assert (
        capsys.readouterr().err
        == "error: No recording in .gate/calibration; run `python -m bench calibrate` first.\n"
    )


def test_remarks_are_published_without_the_names_of_processes(tmp_path, quiet):
    content = json.loads(compact(quiet))
    busy = "the machine was busy while this was measured: others keep 1.0 cores busy"
    content["notes"] = [
        f"{busy} (cc1plus, process 11427, editor, process 1)",
        "time was up (--minutes gives more)",
    ]
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(content))
    assert read(path).notes == (busy, "time was up (--minutes gives more)")


def test_a_pass_that_one_side_did_not_finish_is_left_out(tmp_path, quiet):
    content = json.loads(compact(quiet))
    del content["times"]["same"][quiet.cells[0]]["3"]
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(content))
    assert read(path).passes == tuple(at for at in quiet.passes if at != 3)
