"""Gates replayed on recordings whose truth is known: what must be called is, and what must not is not."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.calibration import rates
from analysis.calibration.rates import (
    Condition,
    Effort,
    achieved,
    conditions,
    detectable,
    smallest_detectable,
    spreads,
)
from analysis.calibration.replay import SECONDS, simulate
from analysis.regressions.judge import RULES, SEEN, Verdict
from analysis.regressions.policy import FIRST_PASSES, MOST_CONFIRMING_PASSES
from analysis.statistics import Estimate
from analysis.vocabulary import SAME
from tests.analysis.calibration.conftest import CELLS, recording

OURS = [cell for cell in CELLS if cell.startswith("urnn:cpu")]


def gates(given, head: str, number: int = 20, seed: int = 0):
    random = np.random.default_rng(seed)
    return [simulate(given, head, given.passes, random) for _ in range(number)]


def test_without_noise_a_commit_against_itself_passes_in_the_first_rounds():
    for gate in gates(recording(1e-9), SAME):
        assert set(gate.verdicts.values()) == {Verdict.PASS}
        assert gate.minutes == pytest.approx(FIRST_PASSES * len(CELLS) / 60)


def test_a_slowdown_far_above_the_noise_is_called_in_every_gate_and_in_no_other_model(quiet):
    for gate in gates(quiet, "slow_5"):
        assert {cell for cell, verdict in gate.verdicts.items() if verdict is Verdict.REGRESSED} == set(OURS)
        first, second = FIRST_PASSES * len(CELLS), MOST_CONFIRMING_PASSES * 4  # two suspects with two sentinels
        assert gate.minutes >= (first + second) / 60


def test_a_slowdown_below_the_floor_is_never_called():
    given = recording(0.0005)
    slow = {
        cell: {at: value / 1.02 * 1.015 for at, value in passes.items()}
        for cell, passes in given.times["slow_2"].items()
    }
    given = type(given)(**{**vars(given), "times": {**given.times, "slow_2": slow}})
    assert not any(gate.regressed(CELLS) for gate in gates(given, "slow_2"))


def test_noise_that_the_time_does_not_suffice_for_is_inconclusive_and_no_pass():
    given = recording(0.3)
    short = type(given)(**{**vars(given), "pair_seconds": 20.0})
    found = [verdict for gate in gates(short, SAME) for verdict in gate.verdicts.values()]
    assert found.count(Verdict.INCONCLUSIVE) > 0.9 * len(found)
    assert Verdict.REGRESSED not in found


def test_a_drift_that_the_sentinel_shares_costs_nothing():
    noisy = recording(0.002, drift=0.1)
    called = [gate.regressed(OURS) for gate in gates(noisy, "slow_5")]
    assert all(called)
    one = spreads(noisy).loc[OURS[0]]
    assert one.guarded < 0.1 * one.plain


def test_no_gate_takes_more_than_its_time_where_a_round_takes_a_minute():
    given = recording(0.05)
    slow = type(given)(**{**vars(given), "pair_seconds": 10.0})
    assert max(gate.minutes for gate in gates(slow, SAME)) <= SECONDS / 60


def test_the_copies_are_as_slow_as_they_promise(quiet):
    assert achieved(quiet, "slow_5") == {
        cell: pytest.approx(0.05, abs=4 * 0.005 * (4 / 20) ** 0.5) for cell in OURS
    }


class TestRates:
    effort = Effort(gates=30, redrawn=4, gates_each=5)

    @pytest.mark.slow
    def test_conditions_begin_with_no_change_and_are_the_same_at_every_call(self, quiet):
        found = conditions(quiet, self.effort)
        assert [one.slowdown for one in found] == [0.0, 0.02, 0.05]
        assert found == conditions(quiet, self.effort)
        assert found[0].called.value == 0
        assert found[-1].called.value == 1
        assert set(found[-1].by_cell) == set(OURS)
        assert (found[-1].named, found[-1].others) == (1.0, 0.0)

    def test_an_interval_is_never_narrower_than_the_binomials(self, quiet):
        """No call in 4 x 30 gates: the exact upper bound is 1 - 0.025^(1/120) = 3.0 %."""
        even = conditions(quiet, self.effort)[0].called
        assert (even.low, even.high) == (0.0, pytest.approx(0.0303, abs=1e-4))

    @pytest.mark.parametrize(
        ("rates", "wanted", "expected"),
        [
            ((0.0, 0.5, 1.0), 0.75, 0.035),
            ((0.0, 1.0, 1.0), 0.95, 0.019),
            ((0.0, 0.9, 0.2), 0.7, None),
            ((0.0, 0.1, 0.2), 0.7, None),
        ],
    )
    def test_the_smallest_detectable_effect_lies_on_straight_lines(self, rates, wanted, expected):
        found = [
            Condition("", at, Estimate(value, 0, 1), {}, 0, 0, 0, (0, 0))
            for at, value in zip((0.0, 0.02, 0.05), rates, strict=True)
        ]
        assert smallest_detectable(found, wanted) == (expected if expected is None else pytest.approx(expected))


class TestDetectable:
    def test_gates_name_a_slowdown_of_one_cell_that_is_said_to_be_seen(self, quiet):
        found = detectable(quiet)
        assert set(found) == set(CELLS)
        assert all(RULES.floor <= slower < 0.05 for slower in found.values())
        random = np.random.default_rng(1)
        named = [
            simulate(quiet, SAME, quiet.passes, random, slower={cell: slower}).regressed([cell])
            for cell, slower in found.items()
            for _ in range(30)
        ]
        # 180 gates at the share that it stands for, less three standard deviations.
        assert np.mean(named) >= SEEN - 3 * (SEEN * (1 - SEEN) / len(named)) ** 0.5

    def test_more_noise_hides_more(self):
        small, large = (detectable(recording(noise), gates=3) for noise in (0.002, 0.02))
        assert all(small[cell] < large[cell] for cell in CELLS)

    def test_what_no_gate_sees_is_not_known(self, quiet, monkeypatch):
        monkeypatch.setattr(rates, "MOST_STEPS", 1)
        monkeypatch.setattr(rates, "_confirmable", lambda recording, draws: dict.fromkeys(CELLS, 0.001))
        assert detectable(quiet, gates=1) == {}

    def test_a_slowdown_that_is_put_in_is_of_that_cell_alone(self, quiet):
        random = np.random.default_rng(2)
        for _ in range(5):
            gate = simulate(quiet, SAME, quiet.passes, random, slower={OURS[0]: 0.2})
            assert [cell for cell in CELLS if gate.verdicts[cell] is Verdict.REGRESSED] == [OURS[0]]
