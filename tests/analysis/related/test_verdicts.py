"""A claim is decided by the whole interval over the seeds, or not at all."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from analysis.pages.statements import AGREE, DIFFER, NOT_DECIDED, NOT_RUN, Judged
from analysis.related.engine.chapter import COUNT, SHARE, by_seed, holds, over_seeds
from analysis.related.engine.results import read
from tests.analysis.related.conftest import CHAPTER, numbers, planned, write_plan, write_result


def test_the_mean_has_students_interval():
    """2 + -1 + 4.303 * s / sqrt 3 with s = 0.1."""
    found = over_seeds(pd.Series([1.9, 2.0, 2.1]))
    assert (found.estimate.value, found.seeds) == (pytest.approx(2.0), 3)
    assert found.estimate.high - 2.0 == pytest.approx(4.302653 * 0.1 / 3**0.5)
    assert found.words("{:.2f}".format) == "2.00 (95 % interval 1.75 to 2.25, 3 seeds)"
    assert over_seeds(pd.Series([7.0])).words("{:.0f}".format) == "7 (1 seed)"
    assert over_seeds(pd.Series([float("nan")])) is None


def test_a_ratios_mean_is_geometric():
    assert over_seeds(pd.Series([1.0, 4.0]), logarithmic=True).estimate.value == pytest.approx(2.0)


def test_an_interval_ends_where_its_values_do():
    found = over_seeds(pd.Series([0.9, 0.95, 1.0]), within=SHARE).estimate
    assert (found.low, found.high) == (pytest.approx(0.826, abs=1e-3), 1.0)
    assert over_seeds(pd.Series([0.0, 0.0, 1.0]), within=COUNT).estimate.low == 0.0
    assert math.isnan(over_seeds(pd.Series([3.0]), within=COUNT).estimate.low)


@pytest.mark.parametrize(
    ("values", "bound", "least", "most"),
    [
        ([1.9, 2.0, 2.1], 1.5, AGREE, DIFFER),
        ([1.9, 2.0, 2.1], 2.5, DIFFER, AGREE),
        ([1.9, 2.0, 2.1], 2.1, NOT_DECIDED, NOT_DECIDED),
        ([2.0], 2.0, AGREE, AGREE),
        ([2.0], 2.1, DIFFER, AGREE),
        ([2.0, 2.0, 2.0], 2.0, AGREE, AGREE),
    ],
)
def test_the_verdict_is_that_of_the_whole_interval(values, bound, least, most):
    found = over_seeds(pd.Series(values))
    assert (found.at_least(bound), found.at_most(bound)) == (least, most)


def test_what_is_equal_is_not_more():
    assert over_seeds(pd.Series([0.0, 0.0])).above(0) == NOT_DECIDED
    assert over_seeds(pd.Series([0.1])).above(0) == AGREE
    assert over_seeds(pd.Series([-0.1])).above(0) == DIFFER


def test_rounds_are_no_seeds():
    frame = pd.DataFrame({"seed": [0, 0, 0, 1], "method": ["a", "a", "a", "a"], "value": [1.0, 2.0, 9.0, 4.0]})
    assert by_seed(frame, "value", method="a").tolist() == [2.0, 4.0]
    assert by_seed(frame, "value", method="b").empty
    assert (holds(True), holds(False)) == (AGREE, DIFFER)


@pytest.mark.parametrize(
    ("values", "verdict", "measured"),
    [
        ((2.5, 2.6, 2.7), AGREE, "2.6 (95 % interval 2.4 to 2.8, 3 seeds)"),
        ((1.5, 1.6, 1.7), DIFFER, "1.6 (95 % interval 1.4 to 1.8, 3 seeds)"),
        ((1.5, 2.5), NOT_DECIDED, "2.0 (95 % interval -4.4 to 8.4, 2 seeds)"),
        ((), NOT_RUN, ""),
    ],
)
def test_a_claim_is_judged_by_what_was_measured(tmp_path, values, verdict, measured):
    write_plan(tmp_path, planned("first"))
    write_result(tmp_path, "first", numbers(*values))
    claim, frames = CHAPTER.claims[0], read(tmp_path, [CHAPTER]).frames["counting"]
    assert claim.judged(frames) == Judged(claim.says, claim.source, claim.test, measured, verdict)
