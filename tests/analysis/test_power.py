"""What a comparison could see: against comparisons that are simulated, and against the noncentral t."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from analysis.regressions.judge import RULES, Verdict, called_from, changes, detectable
from analysis.statistics.log_ratio import LogRatio, of_groups
from analysis.statistics.power import of_t, of_welch, power, processes_needed, smallest_change

TAIL = RULES.level / 2


@pytest.mark.parametrize("freedom", [4, 10, 58])
@pytest.mark.parametrize("shift", [0.01, 0.03, 0.08])
def test_without_a_floor_it_is_the_power_of_the_t_test(freedom, shift):
    critical = special.stdtrit(freedom, 1 - TAIL)
    exact = 1 - special.nctdtr(freedom, shift / 0.01, critical)
    assert power(shift, 0.01, 0.0, of_t(freedom, TAIL)) == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize(("number", "change", "spread"), [(3, 0.10, 0.02), (5, 0.05, 0.02), (12, 0.03, 0.02)])
def test_it_is_the_share_of_simulated_comparisons_that_call_a_slowdown(number, change, spread):
    random, gates = np.random.default_rng(7), 2000
    log = math.log1p(change)
    called = 0
    for _ in range(gates):
        old, new = random.normal(0.0, spread, number), random.normal(log, spread, number)
        called += changes({"a": of_groups(old, new)}).get("a") is Verdict.REGRESSED
    expected = power(log, spread * math.sqrt(2 / number), math.log1p(RULES.floor), of_welch(number, TAIL))
    assert called / gates == pytest.approx(expected, abs=4 * math.sqrt(0.25 / gates))  # four deviations of a share


def test_the_smallest_change_is_called_by_that_share():
    found = smallest_change(0.95, 0.01, 0.02, of_t(8, TAIL))
    assert power(found, 0.01, 0.02, of_t(8, TAIL)) == pytest.approx(0.95, abs=1e-3)


def test_more_processes_see_less_and_the_fewest_are_found():
    asked = (0.05, 0.02, 0.95, 0.02, TAIL)
    number = processes_needed(*asked, least=3, most=1000)
    before, at = (
        power(asked[0], asked[1] * math.sqrt(2 / n), asked[3], of_welch(n, TAIL)) for n in (number - 1, number)
    )
    assert before < 0.95 <= at
    assert processes_needed(0.01, 0.02, 0.95, 0.02, TAIL, least=3, most=1000) is None  # below the floor
    assert processes_needed(0.5, 0.02, 0.95, 0.02, TAIL, least=3, most=1000) == 3


@pytest.mark.parametrize("tests", [1, 7])
@pytest.mark.parametrize(("error", "freedom"), [(0.01, 4), (0.001, 4), (0.0, 4), (0.04, math.inf)])
def test_the_judge_calls_from_the_mean_that_is_named(tests, error, freedom):
    limit = called_from(LogRatio(0.0, error, freedom, 3), tests)
    others = {str(number): LogRatio(0.0, 0.01, 4, 3) for number in range(tests - 1)}
    for mean, called in ((limit - 1e-4, False), (limit + 1e-4, True)):
        found = changes({"a": LogRatio(mean, error, freedom, 3)} | others)
        assert (found.get("a") is Verdict.REGRESSED) is called


def test_what_would_have_been_seen_is_beyond_what_is_called():
    ratio = LogRatio(0.0, 0.01, 8, 5)
    assert math.log1p(detectable(ratio, 4)) > called_from(ratio, 4)
    assert detectable(LogRatio(0.0, 0.0, 8, 5), 4) == pytest.approx(RULES.floor, abs=1e-5)
