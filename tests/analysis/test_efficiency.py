"""A share is the ceiling's time over the step's, at the same point of the grid and nowhere else."""

from __future__ import annotations

import pytest

from analysis.figures.efficiency import shares
from analysis.schema import of_family, ordinary, tidy_frame
from analysis.statistics import summarise
from analysis.vocabulary import CEILING

FORWARD = {"phase": "forward"}


def taken(rows):
    """Rows -> the shares at the focus, by backend, hidden size and ceiling."""
    table = summarise(tidy_frame(rows))
    found = shares(ordinary(table), of_family(table, CEILING))
    return {(row.backend, row.hidden_size, row.ceiling): row for row in found.itertuples()}


def test_shares_of_either_ceiling_for_each_backend_with_intervals(curve):
    rounds = [0.98, 0.99, 1.0, 1.01, 1.02]
    rows = curve("urnn", {64: [4 * x for x in rounds]}, **FORWARD)
    rows += curve("urnn", {64: [2 * x for x in rounds]}, backend="cpu", **FORWARD)
    rows += curve("ceiling", {64: rounds}, **FORWARD)
    rows += curve("ceiling", {64: [0.1 * x for x in rounds]}, backend="memory", **FORWARD)
    found = taken(rows)
    assert {key: row.value for key, row in found.items()} == {
        ("reference", 64, "fourier"): pytest.approx(0.25),
        ("cpu", 64, "fourier"): pytest.approx(0.5),
        ("reference", 64, "memory"): pytest.approx(0.025),
        ("cpu", 64, "memory"): pytest.approx(0.05),
    }
    assert all(row.low < row.value < row.high for row in found.values())


@pytest.mark.parametrize("elsewhere", [{"batch": 1}, {"length": 50}, {"phase": "train"}, {"num_layers": 4}])
def test_a_ceiling_of_another_point_does_not_count(curve, elsewhere):
    rows = curve("urnn", {64: 4.0}, **FORWARD) + curve("ceiling", {64: 1.0}, **(FORWARD | elsewhere))
    assert taken(rows) == {}


def test_only_sizes_measured_for_both_have_a_share_and_the_task_does_not_matter(curve):
    rows = curve("urnn", {64: 4.0, 128: 4.0}, **FORWARD)
    rows += curve("ceiling", {128: 6.0, 256: 1.0}, task="none", **FORWARD)
    assert {key: row.value for key, row in taken(rows).items()} == {("reference", 128, "fourier"): 1.5}


def test_without_the_urnn_there_is_no_share(curve):
    assert taken(curve("lstm", {64: 4.0}, **FORWARD) + curve("ceiling", {64: 1.0}, **FORWARD)) == {}
