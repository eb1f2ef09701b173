"""Where a cell's rounds are interrupted for others, and the calls that nobody times."""

import pytest

from bench.meters.turns import Turns


def rounds_of(parts: int, rounds: int) -> str:
    """What happens, a letter each: p a pause, c calls that are not timed, r a round."""
    seen: list[str] = []
    after_round = Turns(parts, lambda: seen.append("p")).begin(rounds, lambda: seen.append("c"))
    for _ in range(rounds):
        seen.append("r")
        after_round()
    return "".join(seen)


@pytest.mark.parametrize(
    ("parts", "rounds", "seen"),
    [
        (1, 4, "rrrr"),
        (2, 4, "pcrrpcrrp"),
        (3, 7, "pcrrpcrrrpcrrp"),
        (6, 3, "pcrpcrpcrp"),
        (2, 1, "pcrp"),
    ],
)
def test_a_part_begins_with_calls_that_are_not_timed(parts, rounds, seen):
    assert rounds_of(parts, rounds) == seen


@pytest.mark.parametrize("rounds", range(1, 32))
def test_there_is_a_pause_before_each_part_and_after_the_last(rounds):
    seen = rounds_of(6, rounds)
    parts = [part.count("r") for part in seen.strip("p").split("p")]
    assert len(parts) == min(6, rounds)
    assert max(parts) - min(parts) <= 1, "parts of nearly equal length"
    assert seen[0] == seen[-1] == "p"


def test_a_part_may_begin_without_such_calls():
    seen: list[str] = []
    after_round = Turns(2, lambda: seen.append("p")).begin(4, None)
    for _ in range(4):
        seen.append("r")
        after_round()
    assert "".join(seen) == "prrprrp"


def test_without_others_nothing_is_added():
    calls = []
    after_round = Turns().begin(3, lambda: calls.append(1))
    after_round()
    assert calls == []


def test_the_call_that_is_made_once_more_at_the_end_asks_for_no_turn():
    """pytest-benchmark calls what it looped over once more, and what is called after each round too."""
    pauses = []
    after_round = Turns(2, lambda: pauses.append(1)).begin(2, lambda: None)
    for _ in range(3):
        after_round()
    assert len(pauses) == 3
