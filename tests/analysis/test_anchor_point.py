"""The point of the grid that figures and headlines look at follows from the data."""

from __future__ import annotations

from analysis.anchor_point import anchor_point
from analysis.schema import tidy_frame
from analysis.statistics import summarise


def test_most_cells_decide_and_the_anchor_breaks_ties(curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0, 512: 1.0}, length=50) + curve("urnn", {64: 1.0, 128: 1.0, 512: 1.0})
    at = anchor_point(summarise(tidy_frame(rows)), "train")
    assert (at.batch, at.length, at.hidden_size) == (32, 100, 512)
    rows += curve("urnn", {256: 1.0, 1024: 1.0}, length=50)
    assert anchor_point(summarise(tidy_frame(rows)), "train").length == 50


def test_a_cell_out_of_memory_does_not_move_the_anchor_point(curve, row):
    rows = curve("urnn", {64: 1.0, 128: 1.0}, length=50) + curve("urnn", {64: 1.0})
    rows.append(row("urnn", None, hidden_size=128, outcome="out of memory", message="Too big."))
    assert anchor_point(summarise(tidy_frame(rows)), "train").length == 100


def test_cells_of_another_depth_are_kept_apart(curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0}, num_layers=4) + curve("urnn", {64: 1.0, 128: 1.0})
    cells = summarise(tidy_frame(rows))
    one = anchor_point(cells, "train")
    assert (one.num_layers, one.fixed()) == (1, "B = 32, T = 100")
    assert list(one.over("hidden_size", cells, "step_time")["num_layers"]) == [1, 1]
    four = anchor_point(summarise(tidy_frame(rows + curve("urnn", {256: 1.0}, num_layers=4))), "train")
    assert (four.num_layers, four.fixed()) == (4, "B = 32, T = 100, 4 layers")
    assert four.fixed("length") == "n = 256, B = 32, 4 layers"


def test_a_phase_that_was_not_measured_has_none(curve):
    assert anchor_point(summarise(tidy_frame(curve("urnn", {64: 1.0}))), "stream") is None
