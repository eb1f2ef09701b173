"""One row a cell: medians, spreads, counts, and which cells are not to be trusted and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.schema import tidy_frame
from analysis.statistics import summarise


def only(rows):
    table = summarise(tidy_frame(rows))
    assert len(table) == 1
    return table.iloc[0]


def test_median_over_processes_of_medians_over_rounds(row):
    values = {1: [1.0, 1.02, 5.0], 2: [1.04, 1.06, 1.08]}
    rows = [
        row(value=v, **{"pass": p, "round": r}) for p, rounds in values.items() for r, v in enumerate(rounds, 1)
    ]
    cell = only(rows)
    assert cell["value"] == pytest.approx((1.02 + 1.06) / 2)
    assert (cell["processes"], cell["rounds"]) == (2, 6)


@pytest.mark.parametrize(
    ("rounds", "reason"),
    [
        ({1: [1.0, 1.0, 1.0]}, ""),
        ({1: [1.0, 1.0, 1.5, 1.5]}, "rounds of one process spread by 40 %"),
        ({1: [1.0] * 3, 2: [1.2] * 3}, "processes differ by 18 %"),
        ({1: [1.0]}, "only 1 round"),
        ({1: [1.0, 2.0]}, "rounds of one process spread by 33 %; only 2 rounds"),
    ],
)
def test_unstable_cells_say_why(row, rounds, reason):
    rows = [
        row(value=v, **{"pass": p, "round": r}) for p, values in rounds.items() for r, v in enumerate(values, 1)
    ]
    assert only(rows)["unstable"] == reason


def test_memory_is_unstable_where_repetitions_disagree(row):
    memory = {"metric": "peak_allocated", "unit": "B"}
    assert only([row(value=100.0, **memory), row(value=100.5, **memory, **{"pass": 2})])["unstable"] == ""
    reason = only([row(value=100.0, **memory), row(value=110.0, **memory, **{"pass": 2})])["unstable"]
    assert reason == "repetitions allocate up to 9.5 % apart"


def test_a_cell_without_a_value_keeps_outcome_and_message(row):
    cell = only([row(value=None, outcome="out of memory", message="Too big.")])
    assert (cell["outcome"], cell["message"]) == ("out of memory", "Too big.")
    assert np.isnan(cell["value"])


def test_a_cell_measured_once_and_failed_once_counts_as_measured(row):
    cell = only([row(value=1.0), row(value=None, outcome="killed", message="Stopped.", **{"pass": 2})])
    assert (cell["outcome"], cell["value"], cell["processes"]) == ("measured", 1.0, 1)


def test_the_interval_does_not_depend_on_the_order_of_rows_or_on_other_cells(row, curve):
    rows = curve("urnn", {64: [1.0, 1.1, 1.2, 1.3]})
    alone = summarise(tidy_frame(rows)).iloc[0]
    others = summarise(tidy_frame(curve("lstm", {64: [9.0, 8.0]}) + rows[::-1]))
    among = others[others["model"] == "urnn"].iloc[0]
    assert (among["low"], among["high"]) == (alone["low"], alone["high"])


def test_layers_are_never_pooled(row):
    table = summarise(tidy_frame([row(value=1.0), row(value=9.0, num_layers=4)]))
    assert dict(zip(table["num_layers"], table["value"], strict=True)) == {1: 1.0, 4: 9.0}


def test_different_files_are_different_processes(row):
    cell = only([row(value=1.0, file="a.json"), row(value=3.0, file="b.json")])
    assert (cell["value"], cell["processes"]) == (2.0, 2)


def test_quartiles_of_a_file_without_samples(row):
    rows = [
        row(value=value, statistic=statistic, round=9)
        for statistic, value in (("median", 1.0), ("lower quartile", 0.98), ("upper quartile", 1.02))
    ]
    cell = only(rows)
    assert (cell["value"], cell["rounds"]) == (1.0, 9)
    assert cell["spread"] == pytest.approx(0.04)
    assert cell["low"] < 1.0 < cell["high"]


def test_an_empty_part_has_the_same_columns(row):
    table = summarise(tidy_frame([row()]))
    assert isinstance(table.iloc[:0], pd.DataFrame)
    assert {"value", "low", "high", "series", "unstable"} <= set(table.columns)
