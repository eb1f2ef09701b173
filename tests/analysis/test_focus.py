"""The point of the grid that figures and headlines look at follows from the data."""

from __future__ import annotations

from analysis.focus import focus
from analysis.schema import tidy_frame
from analysis.statistics import summarise


def test_most_cells_decide_and_the_anchor_breaks_ties(curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0, 512: 1.0}, length=50) + curve("urnn", {64: 1.0, 128: 1.0, 512: 1.0})
    at = focus(summarise(tidy_frame(rows)), "train")
    assert (at.batch, at.length, at.hidden_size) == (32, 100, 512)
    rows += curve("urnn", {256: 1.0, 1024: 1.0}, length=50)
    assert focus(summarise(tidy_frame(rows)), "train").length == 50


def test_a_cell_out_of_memory_does_not_move_the_focus(curve, row):
    rows = curve("urnn", {64: 1.0, 128: 1.0}, length=50) + curve("urnn", {64: 1.0})
    rows.append(row("urnn", None, hidden_size=128, outcome="out of memory", message="Too big."))
    assert focus(summarise(tidy_frame(rows)), "train").length == 100


def test_a_phase_that_was_not_measured_has_none(curve):
    assert focus(summarise(tidy_frame(curve("urnn", {64: 1.0}))), "stream") is None
