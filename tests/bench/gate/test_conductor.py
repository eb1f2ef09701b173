"""How many rounds of which cells, on a made-up clock and a made-up judge."""

import pytest

from bench.gate.conductor import FEWEST_CONFIRMING_ROUNDS, FIRST_ROUNDS, MOST_CONFIRMING_ROUNDS, Hands, conduct
from bench.gate.folder import CONFIRMATION, SCREENING, Folder
from bench.gate.judge import SoFar
from bench.worker import SweepError

CELLS = ("one", "two", "three")
CLEAR = SoFar((), ())


class World:
    """A clock that a round moves by a second a cell, and a judge that says what it is told to."""

    def __init__(self, *verdicts: SoFar) -> None:
        self.now, self.rounds, self.verdicts, self.said = 0.0, [], list(verdicts), []
        self.looks = 0

    def measure(self, stage: str, number: int, cells) -> None:
        self.rounds.append((stage, number, tuple(cells)))
        self.now += len(cells)

    def judge(self) -> SoFar:
        return self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]

    def look(self) -> None:
        self.looks += 1

    def hands(self) -> Hands:
        return Hands(self.measure, self.judge, self.look, self.said.append, lambda: self.now)

    def of(self, stage: str) -> list[tuple[int, tuple[str, ...]]]:
        return [(number, cells) for at, number, cells in self.rounds if at == stage]


def first_rounds(cells=CELLS) -> list:
    return [(number, tuple(cells)) for number in range(1, FIRST_ROUNDS + 1)]


def test_clear_verdicts_end_after_the_first_rounds(folder):
    world = World(CLEAR)
    conduct(folder, CELLS, 600, world.hands())
    assert world.rounds == [(SCREENING, number, CELLS) for number in range(1, FIRST_ROUNDS + 1)]
    assert world.looks == FIRST_ROUNDS
    assert (folder.plan["suspects"], folder.plan["ended"], folder.plan["notes"]) == ([], True, [])


def test_more_rounds_measure_what_is_open_alone(folder):
    world = World(SoFar(("one", "three"), ()), SoFar(("three",), ()), CLEAR)
    conduct(folder, CELLS, 600, world.hands())
    assert world.of(SCREENING)[FIRST_ROUNDS:] == [(5, ("one", "three")), (6, ("three",))]
    assert world.said == [
        "round 4: 2 of 3 cells open, 0 suspects",
        "round 5: 1 of 3 cells open, 0 suspects",
        "round 6: 0 of 3 cells open, 0 suspects",
    ]


def test_rounds_end_where_the_next_would_take_time_kept_for_a_confirmation(folder):
    world = World(SoFar(CELLS, ()))
    conduct(folder, CELLS, 30, world.hands())
    assert world.now <= 20
    assert world.now + 3 > 20
    assert folder.plan["notes"] == ["time was up with 3 cells open; --minutes gives more"]
    assert folder.plan["ended"]


def test_suspects_are_confirmed_in_a_number_of_fresh_rounds_fixed_beforehand(folder):
    world = World(SoFar(("one",), ("two",)), SoFar((), ("two",)))
    conduct(folder, CELLS, 600, world.hands())
    assert world.of(CONFIRMATION) == [(number, ("two",)) for number in range(1, MOST_CONFIRMING_ROUNDS + 1)]
    assert world.said[-1] == f"confirming 1 suspect in {MOST_CONFIRMING_ROUNDS} fresh rounds"
    assert folder.plan["suspects"] == ["two"]


def test_where_time_is_short_the_surest_suspects_are_confirmed(folder):
    world = World(SoFar((), ("three", "one", "two")))
    # Four rounds of three seconds; then a suspect costs two a round, one of them for its sentinel.
    conduct(folder, CELLS, 12 + 2 * 2 * FEWEST_CONFIRMING_ROUNDS + 1, world.hands())
    assert folder.plan["confirm_rounds"] == FEWEST_CONFIRMING_ROUNDS
    assert folder.plan["suspects"] == ["three", "one"]
    assert folder.plan["notes"] == ["time sufficed to confirm the 2 surest of 3 suspects; --minutes gives more"]


def test_time_that_is_left_goes_into_more_rounds(folder):
    world = World(SoFar((), ("three",)))
    conduct(folder, CELLS, 12 + 2 * 11, world.hands())
    assert folder.plan["confirm_rounds"] == 11
    assert len(world.of(CONFIRMATION)) == 11


def test_one_suspect_is_confirmed_whatever_the_time(folder):
    world = World(SoFar((), ("three", "one")))
    conduct(folder, CELLS, 1, world.hands())
    assert world.of(CONFIRMATION)[-1] == (FEWEST_CONFIRMING_ROUNDS, ("three",))


@pytest.mark.parametrize("after", [2, FIRST_ROUNDS + 3])
def test_an_interrupted_run_goes_on_where_it_was(folder, after):
    world = World(SoFar((), ("two",)))
    measure, limit = world.measure, [after]

    def interrupted(stage, number, cells):
        if not limit[0]:
            raise KeyboardInterrupt
        limit[0] -= 1
        measure(stage, number, cells)

    world.measure = interrupted
    with pytest.raises(KeyboardInterrupt):
        conduct(folder, CELLS, 600, world.hands())
    again = Folder(folder.path, folder.plan)
    assert not again.plan["ended"]
    limit[0] = 100
    world.rounds.clear()
    conduct(again, CELLS, 600, world.hands())
    assert again.plan["ended"]
    assert (world.of(SCREENING) == []) == (after > FIRST_ROUNDS)
    assert len(world.of(CONFIRMATION)) == MOST_CONFIRMING_ROUNDS


def test_a_judge_that_fails_ends_the_run_and_the_plan_stays_open(folder):
    world = World(CLEAR)

    def fails() -> SoFar:
        raise SweepError("cannot be judged")

    world.judge = fails
    with pytest.raises(SweepError, match=r"^cannot be judged$"):
        conduct(folder, CELLS, 600, world.hands())
    assert folder.plan["suspects"] is None
    assert not folder.plan["ended"]
