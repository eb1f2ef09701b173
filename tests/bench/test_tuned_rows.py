"""What tuning tried goes beside the comparison's runs, as the settings' files say it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from analysis.experiments.schema import TUNING
from bench import tuned_rows
from bench.errors import SweepError
from bench.experiments import Experiment, plan
from urnn.training import tuned

SETTINGS = {"optimiser": "adam", "learning_rate": 0.003, "slow_rate": 0.25, "decay": 0.999, "momentum": 0.9}
TRIALS = {"count": 8, "space": 1, "seconds": 99.5, "best": 3, "best_loss": 0.5, "median_loss": 0.7, "solved": 0}


def run_of(task: str, length: int | None, model: str = "lstm", seconds: float | None = 60.0) -> Experiment:
    return Experiment(task, length, model, 0, seconds)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "tuning.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Path:
    """An empty folder of tuned settings."""
    monkeypatch.setattr(tuned, "FOLDER", tmp_path / "settings")
    return tmp_path / "settings"


def test_a_row_a_file_with_trials_and_settings(settings, tmp_path):
    tuned.write("copying", 100, "lstm", SETTINGS, TRIALS, settings)
    tuned.write(
        "parity", None, "lstm", SETTINGS | {"initial": "chrono"}, TRIALS | {"solved_iteration": 50}, settings
    )
    tuned_rows.write([run_of("copying", 100), run_of("parity", None), run_of("parity", None, "gru")], tmp_path)
    copying, parity = rows(tmp_path)
    given = {"trials": "8", "seconds": "99.5", "solved": "0", "best_trial": "3", "best_loss": "0.5"}
    assert given.items() <= copying.items()
    assert {name: str(value) for name, value in SETTINGS.items()}.items() <= copying.items()
    assert [copying[name] for name in ("length", "label", "solved_iteration", "initial")] == [
        "100",
        "nn.LSTM",
        "",
        "",
    ]
    assert [parity[name] for name in ("length", "solved_iteration", "initial")] == ["", "50", "chrono"]


def test_a_longer_one_has_the_row_of_the_length_that_was_tuned(settings, tmp_path):
    tuned.write("copying", 100, "lstm", SETTINGS, TRIALS, settings)
    tuned_rows.write([run_of("copying", length) for length in (100, 200, 1000, 50)], tmp_path)
    assert [row["length"] for row in rows(tmp_path)] == ["100"]


def test_runs_with_the_papers_settings_have_none(settings, tmp_path):
    tuned.write("copying", 100, "lstm", SETTINGS, TRIALS, settings)
    tuned_rows.write([run_of("copying", 100, seconds=None)], tmp_path)
    assert rows(tmp_path) == []


def test_the_suites_own_settings_make_a_table_that_the_report_reads(tmp_path):
    tuned_rows.write(plan(True, 1, False), tmp_path)
    found = rows(tmp_path)
    assert list(found[0]) == list(TUNING)
    assert {row["task"] for row in found} == {path.name.partition("-")[0] for path in tuned.FOLDER.iterdir()}


def test_a_folder_that_cannot_be_written_is_named(settings, tmp_path):
    (tmp_path / "tuning.csv").mkdir()
    with pytest.raises(SweepError, match=r"cannot write .*tuning\.csv \("):
        tuned_rows.write([], tmp_path)
