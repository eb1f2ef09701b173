"""The table that a report keeps gives the frame back that it was drawn from, old tables with what they lacked."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.errors import AnalysisError
from analysis.results import read
from analysis.schema import tidy_frame

COMMITTED = Path(__file__).parents[2] / "reports" / "amd-epyc-2-cores" / "measurements.parquet"


@pytest.fixture
def table(full_frame, tmp_path) -> Path:
    path = tmp_path / "measurements.parquet"
    full_frame.to_parquet(path, index=False)
    return path


def test_it_is_the_frame_that_was_written(table, full_frame):
    pd.testing.assert_frame_equal(read([table]).frame, full_frame)


def test_a_table_without_names_of_backends_is_given_them_and_the_rungs_that_nobody_measured(ladder, tmp_path):
    frame = tidy_frame(ladder("lstm_ladder", {"naive": 8.0, "wavefront": 2.0}))
    frame.drop(columns=["backend_label", "place"]).to_parquet(tmp_path / "old.parquet")
    found = read([tmp_path / "old.parquet"]).frame
    labels = found.drop_duplicates("backend").set_index("backend")
    assert labels.loc["wavefront", ["backend_label", "place", "outcome"]].to_list() == [
        "layers as a wavefront",
        8,
        "measured",
    ]
    assert labels.loc["streams", ["backend_label", "place", "outcome"]].to_list() == [
        "two streams",
        3,
        "not applicable",
    ]


@pytest.mark.slow
def test_the_committed_report_can_be_drawn_again():
    frame = read([COMMITTED]).frame
    assert set(frame["source"]) == {"asv", "pytest-benchmark"}
    assert frame["backend_label"].notna().all()
    assert {"fused kernel", "eager reference", "two streams"} <= set(frame["backend_label"])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pd.DataFrame({"a": [1]}), "expected the tidy table of a report, got other columns"),
        (tidy_frame([{"model": "urnn"}]).assign(colour="red"), "got other columns"),
        (tidy_frame([{"model": "urnn"}]), r"expected the tidy table of a report \("),
        (
            tidy_frame([{"model": "urnn", "backend": "cpu"}]).assign(hidden_size="many"),
            r"expected the tidy table of a report \(.*many",
        ),
    ],
    ids=["other", "one more column", "no backend", "a size in words"],
)
def test_another_table_is_refused_in_one_sentence(tmp_path, table, words):
    path = tmp_path / "other.parquet"
    table.to_parquet(path)
    with pytest.raises(AnalysisError, match=rf"other\.parquet: .*{words}"):
        read([path])


def test_what_is_no_table_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "damaged.parquet"
    path.write_bytes(b"PAR1 cut off")
    with pytest.raises(AnalysisError, match=r"damaged\.parquet: cannot be read as a table \(.+\); measure again"):
        read([path])
