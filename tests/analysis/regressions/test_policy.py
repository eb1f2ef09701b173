"""How many passes of which cells: the first ones, more where it is open, and a confirmation that fits the time."""

from __future__ import annotations

import pytest

from analysis.regressions.judge import Judgement
from analysis.regressions.policy import (
    CONFIRMATION,
    FEWEST_CONFIRMING_PASSES,
    FIRST_PASSES,
    MOST_CONFIRMING_PASSES,
    SCREENING,
    Pace,
    Step,
    next_step,
)

CELLS = ("one", "two", "three")


def step(opened=(), suspects=(), passes: int = FIRST_PASSES, seconds=600.0, left=500.0, per_cell=1.0) -> Step:
    return next_step(Judgement([], tuple(opened), tuple(suspects)), CELLS, Pace(passes, seconds, left, per_cell))


@pytest.mark.parametrize("passes", range(1, FIRST_PASSES))
def test_the_first_passes_are_of_all_cells_whatever_they_say_and_cost(passes):
    assert step((), ("one",), passes, left=-5) == Step(SCREENING, CELLS)


def test_where_nothing_is_open_or_suspect_it_ends():
    assert step() == Step(CONFIRMATION, (), MOST_CONFIRMING_PASSES, "pass 4: 0 of 3 cells open, 0 suspects")


def test_more_passes_measure_what_is_open_alone_in_the_plans_order():
    assert step(("three", "one"), ("two",)) == Step(
        SCREENING, ("one", "three"), progress="pass 4: 2 of 3 cells open, 1 suspect"
    )


@pytest.mark.parametrize(("left", "stage"), [(13.0, SCREENING), (12.9, CONFIRMATION)])
def test_no_round_takes_time_that_is_kept_for_the_confirmation(left, stage):
    found = step(CELLS, seconds=30, left=left)
    assert found.stage == stage
    if stage == CONFIRMATION:
        assert found.notes == ("time was up with 3 cells open; --minutes gives more",)
        assert found.cells == ()


def test_suspects_are_confirmed_in_so_many_passes_as_fit_and_no_more_than_the_most():
    """A suspect costs two a pass, one of them for its sentinel."""
    assert step((), ("three",), left=22).passes == 11
    assert step((), ("three",), left=500).passes == MOST_CONFIRMING_PASSES
    assert step((), ("three",), per_cell=0.0).passes == MOST_CONFIRMING_PASSES
    assert step((), ("three",), left=22).progress == (
        "pass 4: 0 of 3 cells open, 1 suspect; confirming 1 suspect in 11 fresh passes"
    )


def test_where_time_is_short_the_surest_suspects_are_confirmed():
    found = step((), ("three", "one", "two"), left=2 * 2 * FEWEST_CONFIRMING_PASSES + 1)
    assert (found.cells, found.passes) == (("three", "one"), FEWEST_CONFIRMING_PASSES)
    assert found.notes == ("time sufficed to confirm the 2 surest of 3 suspects; --minutes gives more",)


def test_one_suspect_is_confirmed_whatever_the_time():
    found = step((), ("three", "one"), left=-10)
    assert (found.cells, found.passes) == (("three",), FEWEST_CONFIRMING_PASSES)
