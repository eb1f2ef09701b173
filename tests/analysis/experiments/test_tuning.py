"""What tuning tried stands on the page as the table beside the runs has it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from analysis.errors import AnalysisError
from analysis.experiments import tuning
from analysis.experiments.logs import read
from analysis.experiments.report import page_of, write_report
from analysis.experiments.schema import TUNING
from analysis.experiments.study import Study
from tests.analysis.parsed import texts

FOUND = {
    "trials": 8,
    "seconds": 100.0,
    "best_trial": 3,
    "best_loss": 0.009,
    "best_score": 0.3,
    "median_loss": 0.17,
}
ADAM = {"optimiser": "adam", "learning_rate": 0.003, "slow_rate": 1.0, "decay": 0.999, "momentum": 0.9}
RMSPROP = {"optimiser": "rmsprop", "learning_rate": 0.003, "slow_rate": 0.25, "decay": 0.9, "clip": 0.5}
LSTM = {"model": "lstm", "label": "nn.LSTM", "solved": 2, "solved_iteration": 2200, **ADAM}
ROW = {"task": "adding", "length": 200, **FOUND, **LSTM, "clip_norm": 1.0, "initial": "chrono"}
URNN = {"task": "adding", "length": 200, **FOUND, "model": "urnn", "label": "uRNN", "solved": 0, **RMSPROP}
PARITY = ROW | {"task": "parity", "length": None}
TITLE = "What was tuned"


def write(folder: Path, *rows: dict) -> None:
    pd.DataFrame(list(rows), columns=list(TUNING)).to_csv(folder / "tuning.csv", index=False)


def test_a_row_a_task_and_model_in_the_order_of_the_matrix(add, runs):
    add([1.0], [0.5])
    write(runs, PARITY, ROW, URNN)
    found = read(runs).tuning
    adam = "Adam 0.003; norm clipped to 1; chrono initialisation"
    rmsprop = "RMSprop 0.003, 0.25 of it for the recurrent step; clip 0.5"
    lstm = ["nn.LSTM", "2 of 8", "2,200", "0.00900", "0.170", "100", adam]
    assert texts(tuning.trials(found)) == [
        ["Adding, T = 200", "uRNN", "0 of 8", "", "0.00900", "0.170", "100", rmsprop],
        ["Adding, T = 200", *lstm],
        ["Parity", *lstm],
    ]
    assert "24 trials took 5 min of training in all." in tuning.words(found)


def test_a_report_has_it_and_is_drawn_again_with_it(add, runs, tmp_path):
    add([1.0], [0.5])
    write(runs, ROW)
    logs = read(runs)
    assert TITLE in [section.title for section in page_of(Study(logs)).sections]
    write_report(logs, tmp_path / "report")
    assert_frame_equal(read(tmp_path / "report").tuning, logs.tuning)


def test_runs_that_nothing_was_tuned_for_have_no_such_section(add, runs):
    add([1.0], [0.5])
    assert read(runs).tuning.empty
    write(runs)
    assert TITLE not in [section.title for section in page_of(Study(read(runs))).sections]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trials": 0}, r"expected trials\[0\] to be a whole number from 1 to [0-9,]+, got 0\."),
        ({"optimiser": None}, r"expected optimiser\[0\] to be a text, got null\."),
        ({"seconds": -1.0}, r"expected seconds\[0\] to be a number from 0 to 1e\+100, got -1\.0\."),
    ],
)
def test_a_damaged_table_is_named(change, said, add, runs):
    add([1.0], [0.5])
    write(runs, ROW | change)
    with pytest.raises(AnalysisError, match=rf"tuning\.csv: {said}"):
        read(runs)


def test_a_table_without_a_column_is_named(add, runs):
    add([1.0], [0.5])
    (runs / "tuning.csv").write_text("task,length\nadding,200\n")
    with pytest.raises(AnalysisError, match=r"tuning\.csv: expected a column 'model', got task, length\."):
        read(runs)
