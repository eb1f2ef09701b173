"""The tidy frame has the documented columns and types, and survives both of its files."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from analysis.experiments.schema import TABLES, TUNING
from analysis.results.registry import OLD_MODELS
from analysis.schema import COLUMNS, series_label, tidy_frame
from bench import subjects
from bench.ceilings import CEILINGS
from tests.package.conftest import ROOT
from urnn.models import LADDERS


def documented(after: str) -> list[str]:
    """The columns in the first table of docs/files.md after these words."""
    rows = (ROOT / "docs" / "files.md").read_text(encoding="utf-8").partition(after)[2].partition("| column |")[2]
    return re.findall(r"^\| `(\w+)` \|", rows.partition("\n\n")[0], re.MULTILINE)


def test_frame_has_the_documented_columns_in_order(row):
    frame = tidy_frame([row()])
    assert list(frame.columns) == documented("## The tidy table")
    assert frame.dtypes.astype(str).to_dict() == COLUMNS


@pytest.mark.parametrize("name", [*TABLES, "tuning"])
def test_tables_of_training_runs_have_the_documented_columns(name):
    assert list({**TABLES, "tuning": TUNING}[name]) == documented(f"`{name}.csv` has")


def test_old_files_call_models_and_backends_what_new_ones_do():
    rows = subjects.as_data()
    for name, old in OLD_MODELS.items():
        assert old["label"] == rows[name]["label"]
        assert old.get("family") in (None, rows[name]["family"])
        known = {backend: label for backend, label in old.get("backends", {}).items() if backend != "materialized"}
        assert known.items() <= rows[name]["backends"].items()


def test_every_rung_and_ceiling_has_a_label():
    for row in (*LADDERS.values(), *CEILINGS.values()):
        assert tuple(row.backend_labels) == row.backends


def test_missing_keys_are_missing_values_and_unknown_ones_an_error():
    frame = tidy_frame([{"model": "urnn"}])
    assert frame["threads"].isna().all()
    assert frame["value"].isna().all()
    with pytest.raises(ValueError, match="got also: colour"):
        tidy_frame([{"colour": "red"}])


def test_parquet_keeps_types_and_missing_values(row, tmp_path):
    frame = tidy_frame([row(threads=None), row(dirty=None, value=None)])
    frame.to_parquet(tmp_path / "frame.parquet", index=False)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "frame.parquet"), frame)


def test_the_urnn_names_its_backend_and_a_lone_baseline_does_not():
    assert series_label("uRNN", "eager reference", "unitary") == "uRNN (eager reference)"
    assert series_label("nn.LSTM", "torch", "gated") == "nn.LSTM"
    assert series_label("nn.LSTM", "script", "gated", alone=False) == "nn.LSTM (script)"
