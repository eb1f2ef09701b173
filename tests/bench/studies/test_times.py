"""Turns of calls by a clock that the calls themselves move."""

import pytest
import torch

from bench.studies.engine.times import MOST_CALLS, in_turns, peaks


@pytest.fixture
def clock():
    class Clock:
        now = 0.0
        order = ""

        def __call__(self) -> float:
            return self.now

        def call(self, name: str, seconds: float):
            def run() -> None:
                self.now += seconds
                self.order += name

            return run

    return Clock()


def test_calls_take_turns_and_the_first_of_a_turn_is_not_timed(clock):
    calls = {"slow": clock.call("s", 0.5), "quick": clock.call("q", 0.002)}
    found = in_turns(calls, rounds=2, warm=0.0, clock=clock)
    assert found == {"slow": [pytest.approx(0.5)] * 2, "quick": [pytest.approx(0.002)] * 2}
    assert clock.order.endswith("ssqqqq" * 2), "three quick ones take five milliseconds"


def test_a_call_of_no_time_is_repeated_so_often_and_no_more(clock):
    in_turns({"idle": clock.call("i", 1e-9)}, rounds=1, warm=1e-8, clock=clock)
    assert len(clock.order) <= MOST_CALLS + 1 + 12


def test_memory_is_that_of_one_call():
    assert peaks({"few": lambda: torch.ones(1000), "many": lambda: torch.ones(3000)}) == {
        "few": 4000,
        "many": 12000,
    }
