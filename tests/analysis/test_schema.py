"""The tidy frame has the documented columns and types, and survives both of its files."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.schema import (
    BACKEND_LABELS,
    CEILING_LABELS,
    COLUMNS,
    KNOWN_LABELS,
    RUNG_LABELS,
    series_label,
    tidy_frame,
)
from bench.ceilings import CEILINGS
from urnn.models import LADDERS, MODELS


def test_frame_has_the_documented_columns_in_order(row):
    frame = tidy_frame([row()])
    assert list(frame.columns) == [column.name for column in COLUMNS]
    assert [str(dtype) for dtype in frame.dtypes] == [column.dtype for column in COLUMNS]


def test_all_that_can_be_measured_has_a_name_for_people():
    assert {*MODELS, *LADDERS} <= set(KNOWN_LABELS)
    assert set(MODELS["urnn"].backends) <= set(BACKEND_LABELS)
    assert {name: tuple(rungs) for name, rungs in RUNG_LABELS.items()} == {
        name: row.backends for name, row in LADDERS.items()
    }
    assert tuple(CEILING_LABELS) == CEILINGS["ceiling"].backends


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
    assert series_label("uRNN", "reference", "unitary") == "uRNN (eager reference)"
    assert series_label("uRNN", "cpu", "unitary") == "uRNN (fused kernel)"
    assert series_label("nn.LSTM", "torch", "gated") == "nn.LSTM"
    assert series_label("nn.LSTM", "script", "gated", alone=False) == "nn.LSTM (script)"
