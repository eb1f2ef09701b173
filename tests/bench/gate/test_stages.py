"""Passes as they are asked for, on a made-up clock: what is measured, kept, and taken up again."""

import pytest

from analysis.regressions.policy import Pace, Step
from bench.errors import SweepError
from bench.gate.folder import CONFIRMATION, NAMING, SCREENING, Folder
from bench.gate.stages import Dependencies, screen_and_confirm

CELLS = ("one", "two", "three")
AGAIN = Step("screening", CELLS)
NOTHING = Step("confirmation", ())
CONFIRM = Step("confirmation", ("two",), 5, "confirming", ("a note",))
NO_NAMES = Step("naming", (), 0)
NAME = Step("naming", ("one", "three"), 3, "a model is slower")


class World:
    """A clock that a pass moves by a second a cell, and a judge that asks for what it is told to."""

    def __init__(self, *steps: Step) -> None:
        self.now, self.looks, self.steps, self.slowness = 0.0, 0, list(steps), 1.0
        self.passes: list[tuple[str, int, tuple[str, ...]]] = []
        self.paces: list[Pace] = []
        self.said: list[str] = []

    def measure(self, stage: str, number: int, cells) -> int:
        self.passes.append((stage, number, tuple(cells)))
        self.now += len(cells) * self.slowness
        return len(cells)

    def ask(self, pace: Pace) -> Step:
        self.paces.append(pace)
        return self.steps[len(self.paces) - 1]

    def look(self) -> None:
        self.looks += 1

    def dependencies(self) -> Dependencies:
        return Dependencies(self.measure, self.ask, self.look, self.said.append, lambda: self.now)


def test_nothing_to_confirm_ends_it(folder):
    world = World(AGAIN, NOTHING)
    screen_and_confirm(folder, CELLS, 600, world.dependencies())
    assert world.passes == [(SCREENING, 1, CELLS), (SCREENING, 2, CELLS)]
    assert world.looks == 2
    assert world.said == []
    assert (folder.plan["suspects"], folder.plan["ended"], folder.plan["notes"]) == ([], True, [])


def test_the_judge_hears_of_the_time_and_of_what_the_last_pass_cost_a_cell(folder):
    world = World(Step("screening", ("one",)), NOTHING)
    world.now = 1000.0
    screen_and_confirm(folder, CELLS, 60, world.dependencies())
    assert world.paces == [Pace(1, 60, 57.0, 1.0), Pace(2, 60, 56.0, 1.0)]


def test_what_is_asked_for_is_measured_and_confirmed_and_notes_are_kept(folder):
    world = World(Step("screening", ("one", "two"), progress="two are open"), CONFIRM, NO_NAMES)
    screen_and_confirm(folder, CELLS, 600, world.dependencies())
    assert world.passes == [
        (SCREENING, 1, CELLS),
        (SCREENING, 2, ("one", "two")),
        *((CONFIRMATION, number, ("two",)) for number in range(1, 6)),
    ]
    assert world.said == ["two are open", "confirming"]
    assert (folder.plan["suspects"], folder.plan["confirm_passes"]) == (["two"], 5)
    assert (folder.plan["notes"], folder.plan["ended"]) == (["a note"], True)


@pytest.mark.parametrize("after", [2, 5])
def test_an_interrupted_run_goes_on_where_it_was(folder, after):
    world = World(AGAIN, AGAIN, CONFIRM, NO_NAMES)
    measure, limit = world.measure, [after]

    def interrupted(stage, number, cells):
        if not limit[0]:
            raise KeyboardInterrupt
        limit[0] -= 1
        return measure(stage, number, cells)

    world.measure = interrupted
    with pytest.raises(KeyboardInterrupt):
        screen_and_confirm(folder, CELLS, 600, world.dependencies())
    again = Folder(folder.path, folder.plan)
    assert not again.plan["ended"]
    limit[0] = 100
    world.passes.clear()
    world.paces.clear()
    world.steps = [NO_NAMES] if after > 3 else world.steps
    screen_and_confirm(again, CELLS, 600, world.dependencies())
    assert again.plan["ended"]
    stages = [stage for stage, _, _ in world.passes]
    assert stages == [SCREENING] * (0 if after > 3 else 3) + [CONFIRMATION] * 5


def test_a_judge_that_fails_ends_the_run_and_the_plan_stays_open(folder):
    def fails(pace: Pace) -> Step:
        raise SweepError("cannot be judged")

    world = World()
    world.ask = fails
    with pytest.raises(SweepError, match=r"^cannot be judged$"):
        screen_and_confirm(folder, CELLS, 600, world.dependencies())
    assert folder.plan["suspects"] is None
    assert not folder.plan["ended"]


def test_the_other_cells_of_a_confirmed_model_are_measured_after_the_confirmation(folder):
    world = World(CONFIRM, NAME)
    screen_and_confirm(folder, CELLS, 600, world.dependencies())
    assert world.passes[6:] == [(NAMING, number, ("one", "three")) for number in (1, 2, 3)]
    assert folder.plan["naming"] == {"cells": ["one", "three"], "passes": 3}
    assert world.paces[-1] == Pace(5, 600, 592.0, 1.0)
    assert world.said == ["confirming", "a model is slower"]


def test_an_interrupted_naming_goes_on_with_what_was_chosen(folder):
    world = World(CONFIRM, NAME)
    measure = world.measure

    def interrupted(stage, number, cells):
        if (stage, number) == (NAMING, 2):
            raise KeyboardInterrupt
        return measure(stage, number, cells)

    world.measure = interrupted
    with pytest.raises(KeyboardInterrupt):
        screen_and_confirm(folder, CELLS, 600, world.dependencies())
    again = World()
    screen_and_confirm(Folder(folder.path, folder.plan), CELLS, 600, again.dependencies())
    assert again.paces == []
    assert [number for stage, number, _ in again.passes if stage == NAMING] == [1, 2, 3]


def test_where_the_machine_has_become_slow_the_confirmation_ends_with_the_time(folder):
    world = World(Step("confirmation", ("two",), 16), NO_NAMES)
    ask = world.ask

    def slower(pace: Pace) -> Step:
        world.slowness = 100.0
        return ask(pace)

    world.ask = slower
    screen_and_confirm(folder, CELLS, 600, world.dependencies())
    assert [number for stage, number, _ in world.passes if stage == CONFIRMATION] == [1, 2, 3, 4, 5, 6]
    assert folder.plan["confirm_passes"] == 6
    assert folder.plan["notes"] == ["time was up after 6 of 16 passes of the confirmation; --minutes gives more"]


def test_a_confirmation_has_as_many_passes_as_a_verdict_needs_whatever_the_time(folder):
    world = World(Step("confirmation", ("two",), 16), NO_NAMES)
    screen_and_confirm(folder, CELLS, 2, world.dependencies())
    assert [number for stage, number, _ in world.passes if stage == CONFIRMATION] == [1, 2, 3, 4]


def test_naming_ends_with_the_time(folder):
    world = World(CONFIRM, NAME)
    screen_and_confirm(folder, CELLS, 9, world.dependencies())
    assert [number for stage, number, _ in world.passes if stage == NAMING] == [1]
