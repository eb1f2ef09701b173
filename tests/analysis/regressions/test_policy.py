"""How many passes of which cells: the first ones, more where it is open, and a confirmation that fits the time."""

from __future__ import annotations

import pytest

from analysis.regressions.judge import Judgement
from analysis.regressions.policy import (
    CONFIRMATION,
    FEWEST_CONFIRMING_PASSES,
    FEWEST_NAMING_PASSES,
    FIRST_PASSES,
    MOST_CONFIRMING_PASSES,
    NAMING,
    SCREENING,
    Pace,
    Step,
    naming_step,
    next_step,
)

AT = "-train-copying-n{}-T100-B32-cpu-float32"
CELLS = ONE, TWO, THREE = tuple(f"urnn:cpu{AT.format(n)}" for n in (1, 2, 3))  # each with a sentinel of its own
SENTINEL = "lstm:torch"


def step(opened=(), suspects=(), passes: int = FIRST_PASSES, seconds=600.0, left=500.0, per_cell=1.0) -> Step:
    judged = Judgement([], tuple(opened), tuple(suspects))
    return next_step(judged, CELLS, SENTINEL, Pace(passes, seconds, left, per_cell))


@pytest.mark.parametrize("passes", range(1, FIRST_PASSES))
def test_the_first_passes_are_of_all_cells_whatever_they_say_and_cost(passes):
    assert step((), (ONE,), passes, left=-5) == Step(SCREENING, CELLS)


def test_where_nothing_is_open_or_suspect_it_ends():
    assert step() == Step(CONFIRMATION, (), MOST_CONFIRMING_PASSES, "pass 4: 0 of 3 cells open, 0 suspects")


def test_more_passes_measure_what_is_open_alone_in_the_plans_order():
    assert step((THREE, ONE), (TWO,)) == Step(
        SCREENING, (ONE, THREE), progress="pass 4: 2 of 3 cells open, 1 suspect"
    )


@pytest.mark.parametrize(("left", "stage"), [(18.0, SCREENING), (17.9, CONFIRMATION)])
def test_no_round_takes_time_that_is_kept_for_the_confirmation(left, stage):
    """A pass over three cells and their sentinels takes 6 s, and 40 % of 30 s are kept."""
    found = step(CELLS, seconds=30, left=left)
    assert found.stage == stage
    if stage == CONFIRMATION:
        assert found.notes == ("time was up with 3 cells open; --minutes gives more",)
        assert found.cells == ()


def test_suspects_are_confirmed_in_so_many_passes_as_fit_and_no_more_than_the_most():
    """A suspect costs two a pass, one of them for its sentinel."""
    assert step((), (THREE,), left=22).passes == 11
    assert step((), (THREE,), left=500).passes == MOST_CONFIRMING_PASSES
    assert step((), (THREE,), per_cell=0.0).passes == MOST_CONFIRMING_PASSES
    assert step((), (THREE,), left=22).progress == (
        "pass 4: 0 of 3 cells open, 1 suspect; confirming 1 suspect in 11 fresh passes"
    )


def test_where_time_is_short_the_surest_suspects_are_confirmed():
    found = step((), (THREE, ONE, TWO), left=2 * 2 * FEWEST_CONFIRMING_PASSES + 1)
    assert (found.cells, found.passes) == ((THREE, ONE), FEWEST_CONFIRMING_PASSES)
    assert found.notes == ("time sufficed to confirm the 2 surest of 3 suspects; --minutes gives more",)


def test_one_suspect_is_confirmed_whatever_the_time():
    found = step((), (THREE, ONE), left=-10)
    assert (found.cells, found.passes) == ((THREE,), FEWEST_CONFIRMING_PASSES)


@pytest.mark.parametrize(("left", "stage"), [(22.0, SCREENING), (21.9, CONFIRMATION)])
def test_without_a_suspect_the_time_for_one_is_kept(left, stage):
    """Eight passes of a cell and its sentinel take 16 s, the next pass 6 s."""
    assert step(CELLS, seconds=600, left=left).stage == stage


@pytest.mark.parametrize(("left", "stage"), [(38.0, SCREENING), (37.9, CONFIRMATION)])
def test_no_more_is_kept_than_the_suspects_would_take(left, stage):
    """Sixteen passes of one suspect and its sentinel take 32 s, the next pass 6 s; 40 % of the time were 240 s."""
    assert step(CELLS, (ONE,), seconds=600, left=left).stage == stage


def test_a_sentinel_that_several_suspects_share_is_measured_once():
    shared = (ONE, ONE.replace("urnn", "gru"), ONE.replace("urnn", "irnn"))
    assert step((), shared, left=FEWEST_CONFIRMING_PASSES * 4).cells == shared
    assert step((), shared, left=FEWEST_CONFIRMING_PASSES * 4 - 1).cells == shared[:2]


def naming(cells, suspects, left: float, per_cell: float = 1.0) -> Step:
    judged = Judgement([], (), tuple(suspects), tuple(cells))
    return naming_step(judged, SENTINEL, Pace(8, 600.0, left, per_cell))


def test_the_time_that_is_left_names_a_confirmed_models_other_cells():
    found = naming((TWO, THREE), (TWO,), left=4 * FEWEST_NAMING_PASSES)
    assert (found.stage, found.cells, found.passes) == (NAMING, (TWO, THREE), FEWEST_NAMING_PASSES)
    assert found.progress == "a model is slower; 4 fresh passes of 2 other cells of it"
    assert naming((TWO, THREE), (TWO,), left=1000).passes == MOST_CONFIRMING_PASSES
    assert naming((TWO, THREE), (TWO,), left=1000, per_cell=0.0).passes == MOST_CONFIRMING_PASSES


def test_where_it_is_little_it_goes_to_the_suspects_among_them():
    found = naming((TWO, THREE), (TWO,), left=4 * FEWEST_NAMING_PASSES - 1)
    assert (found.cells, found.passes) == ((TWO,), 7)


@pytest.mark.parametrize(("cells", "left"), [((), 1000.0), ((TWO,), 1.9), ((TWO,), -5.0)])
def test_without_a_confirmed_model_or_time_nothing_is_named(cells, left):
    assert naming(cells, cells, left) == Step(NAMING, (), 0)
