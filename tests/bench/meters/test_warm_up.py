"""Warm-up and rounds, on a clock that only the measured call moves."""

from collections.abc import Iterable

import pytest

from bench.meters.warm_up import WarmUp, calls_a_round, rounds_within, warm_up


class Clock:
    """Stands still but for `run`, each call of which takes the next of `durations`, the last one for ever."""

    def __init__(self, durations: Iterable[float]) -> None:
        self.now, self.durations = 1000.0, list(durations)

    def __call__(self) -> float:
        return self.now

    def run(self) -> None:
        self.now += self.durations.pop(0) if len(self.durations) > 1 else self.durations[0]


def warmed(durations: Iterable[float], **options: object) -> WarmUp:
    clock = Clock(durations)
    return warm_up(clock.run, clock=clock, **options)


def test_the_first_call_stands_apart_and_the_fastest_of_the_others_is_the_warm_one():
    assert warmed([10, 3, 2, 4], seconds=0, at_least=4, enough=100) == WarmUp(first_call=10, warm_call=2, calls=4)


def test_a_first_call_that_is_the_fastest_is_no_warm_call():
    assert warmed([1, 3, 2], seconds=0, at_least=3, enough=100) == WarmUp(first_call=1, warm_call=2, calls=3)


def test_a_single_call_is_first_and_warm():
    assert warmed([5], seconds=0, at_least=1) == WarmUp(first_call=5, warm_call=5, calls=1)


@pytest.mark.parametrize("seconds", [0, 1, 9])
def test_two_calls_are_made_however_slow_where_that_is_asked_for(seconds):
    assert warmed([10], seconds=seconds, enough=100).calls == 2


def test_a_first_call_that_takes_long_enough_is_warm_up_enough():
    assert warmed([0.6, 0.5], seconds=0.05).calls == 1
    assert warmed([0.4, 0.3], seconds=0.05).calls == 2


@pytest.mark.parametrize(("seconds", "calls"), [(6, 6), (5.5, 6), (5, 5), (2, 2), (1, 2)])
def test_calls_go_on_until_the_time_is_over(seconds, calls):
    assert warmed([1], seconds=seconds, enough=100).calls == calls


@pytest.mark.parametrize(
    ("warm_call", "seconds", "at_least", "rounds"),
    [
        (0.1, 1.0, 3, 10),
        (0.1, 0.96, 3, 9),
        (1.0, 0.5, 3, 3),
        (1.0, 0.5, 1, 1),
        (1e-6, 1.0, 3, 100),
        (0.0, 1.0, 3, 100),
        (0.01, 1.0, 3, 100),
    ],
)
def test_rounds_are_what_fits_between_the_bounds(warm_call, seconds, at_least, rounds):
    assert rounds_within(warm_call, seconds=seconds, at_least=at_least, at_most=100) == rounds


def test_rounds_never_leave_their_bounds():
    for warm_call in (0.0, 1e-9, 1e-3, 0.3, 7.0):
        for seconds in (0.0, 0.05, 2.0):
            rounds = rounds_within(warm_call, seconds=seconds, at_least=3, at_most=20)
            assert 3 <= rounds <= 20
            assert rounds == 3 or rounds * warm_call <= seconds


@pytest.mark.parametrize(
    ("warm_call", "calls"), [(0.1, 1), (1e-3, 1), (0.9e-3, 2), (50e-6, 20), (1e-9, 1000), (0.0, 1000)]
)
def test_a_round_of_short_calls_takes_a_millisecond(warm_call, calls):
    assert calls_a_round(warm_call) == calls


def test_at_least_wins_over_at_most():
    assert rounds_within(0.0, seconds=1, at_least=200, at_most=100) == 200
