"""Figures of files that are whole and odd: zeros, one size, and numbers at the ends of what a file may hold."""

from __future__ import annotations

import math

import pytest

from analysis.calibration import recording
from analysis.documents import MOST_SECONDS
from analysis.errors import AnalysisError
from analysis.experiments.logs import read as read_logs
from analysis.experiments.report import FIGURES as OF_EXPERIMENTS
from analysis.experiments.report import page_of as experiments_page
from analysis.experiments.study import Study
from analysis.history import levels
from analysis.history.changes import changes
from analysis.history.commits import read
from analysis.history.report import page_of as history_page
from analysis.pages.drawing import to_svg
from analysis.report.figures import FIGURES
from analysis.report.page import page_of
from analysis.results import Results
from analysis.schema import tidy_frame
from analysis.statistics import summarise
from tests.analysis.calibration.conftest import recording as make_recording
from tests.analysis.conftest import make_curve
from tests.analysis.experiments.conftest import anatomy, end, evaluation, header, write_lines
from tests.analysis.history.conftest import write_history


def both(values: dict[int, list[float]], **changes) -> list[dict]:
    return [row for model in ("urnn", "lstm") for row in make_curve(model, values, **changes)]


def with_bytes(rows: list[dict], *amounts: float) -> list[dict]:
    """The rows and as many of bytes, the amounts in turn."""
    memory = {"metric": "peak_allocated", "unit": "B"}
    return rows + [row | memory | {"value": amounts[at % len(amounts)]} for at, row in enumerate(rows)]


TIMES = {64: [1e-4] * 3, 128: [2e-4] * 3, 256: [3e-4] * 3}
ENDS = {1: [1e-21] * 3, 2: [MOST_SECONDS] * 3, 10**9: [1e-12] * 3}
ODD = {
    "no bytes": with_bytes(both(TIMES), 0.0),
    "no bytes in one process": with_bytes(both(TIMES), 0.0, 4.0, 5.0),
    "ends of all ranges": with_bytes(both(ENDS), 1e18, 0.0, 1.0),
    "one count of parameters": [row | {"parameters": 7, "state_size": 0} for row in both(TIMES)],
    "names": [row | {"model": 'a--b"<&', "backend": "x'/--$"} for row in both(TIMES)[:9]] + both(TIMES),
}


@pytest.mark.slow
@pytest.mark.parametrize("rows", ODD.values(), ids=ODD)
def test_a_report_of_it_is_drawn(rows):
    page = page_of(Results(tidy_frame(rows)), "A title")
    assert page.headlines
    for figure in page.figures:
        assert "<svg" in to_svg(figure.draw(figure.data))


def test_a_figure_of_zeros_says_so():
    cells = summarise(tidy_frame(with_bytes(both(TIMES), 0.0)))
    assert "zero at every size" in to_svg(FIGURES[3].draw(cells))


def log(*evaluations: dict, looks=(), outcome: str = "finished", **run) -> list[dict]:
    return [header(**run), *looks, *evaluations, end(outcome, evaluations[-1])]


NOTHING = {"state_norm": [math.nan], "state_change": [math.inf], "gradient_norm": [math.nan]}
RUNS = {
    "solved at once": [log(evaluation(0, 0.0, 1.0), outcome="solved", seed=seed) for seed in range(2)],
    "no seconds": [log(evaluation(50, 1.0, 0.1) | {"seconds": 0.0}, seed=seed) for seed in range(2)],
    "huge and tiny": [log(evaluation(50, 1e100, -1e100), evaluation(100, 1e-300, 1e100))],
    "gradients of nothing": [
        log(evaluation(50, 1.0, 0.1), looks=[anatomy(0, 1, 1.0, 1.0) | NOTHING], label="$x^$", loss_name="$_^$")
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("logs", RUNS.values(), ids=RUNS)
def test_experiments_of_it_are_drawn(logs, tmp_path):
    for number, lines in enumerate(logs):
        write_lines(tmp_path, f"run{number}", lines)
    found = read_logs(tmp_path)
    assert found.problems == ()
    study = Study(found)
    assert experiments_page(study).headlines
    for figure in OF_EXPERIMENTS:
        assert "<svg" in to_svg(figure.draw(study)), figure.name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"baseline": 0.0}, "expected baseline to be a number from 1e-12 to 1e+100, got 0.0."),
        (
            {"seed": 2**63},
            f"expected seed to be a whole number from {1 - 2**63:,} to {2**63 - 1:,}, got {2**63}.",
        ),
        ({"hidden_size": 0}, "expected hidden_size to be a whole number from 1 to 1,000,000,000,000,000, got 0."),
        ({"learning_rate": math.nan}, "expected learning_rate to be a number from -1e+100 to 1e+100, got NaN."),
        ({"label": None}, "expected label to be a text, got null."),
    ],
)
def test_a_log_beyond_the_ends_is_refused(change, words, tmp_path):
    path = write_lines(tmp_path, "run", log(evaluation(50, 1.0, 0.1), **change))
    with pytest.raises(AnalysisError) as error:
        read_logs(tmp_path)
    assert str(error.value) == f"No usable run in 1 log: {path}, line 1: {words}"


@pytest.mark.parametrize("peaks", [[0, 0, 0], [0, 900, 0]])
def test_a_history_of_no_bytes_is_drawn(peaks, tmp_path):
    found = read(write_history(tmp_path, [2e-12, 2e6, 2e-12], peaks=peaks))
    seen = changes(found.points)
    assert history_page(found, seen, asked_otava=False, title="A title").headlines
    assert "<svg" in to_svg(levels.draw((found, seen)))


def test_results_of_a_commit_that_the_history_does_not_know_are_left_out_by_name(tmp_path):
    write_history(tmp_path, [2e-3, 2e-3])
    path = next(tmp_path.glob("01*/box/*.json"))
    path.write_text(path.read_text().replace("01" * 20, "f" * 40))
    (problem,) = read(tmp_path).problems
    assert (
        problem
        == f"{path}: left out, because it holds results of ffffffff, which is none of the history's commits."
    )


def test_a_history_without_times_is_refused(tmp_path):
    write_history(tmp_path, [2e-3])
    path = next(tmp_path.glob("00*/box/*.json"))
    path.write_text(path.read_text().replace('"urnn"', '"x"').replace('"lstm"', '"y"'))
    with pytest.raises(AnalysisError, match=r"expected times of the uRNN or nn\.LSTM, got none\.$"):
        read(tmp_path)


def test_a_round_that_a_slowed_side_lacks_is_no_round(tmp_path):
    found = make_recording(0.01, passes=10)
    for times in found.times["slow_5"].values():
        del times[3]
    assert found.passes == (1, 2, 4, 5, 6, 7, 8, 9, 10)
    for times in found.times["slow_5"].values():
        times.clear()
    (tmp_path / "r.json").write_text(recording.compact(found))
    with pytest.raises(AnalysisError, match=r"expected times of urnn:cpu-.* for the side 'slow_5', got none\.$"):
        recording.read(tmp_path / "r.json")
