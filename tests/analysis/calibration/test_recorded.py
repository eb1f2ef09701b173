"""The gate's self-test on real passes, recorded on a noisy two-core machine (a half-width Zen 4) on 2026-11-24.
The committed calibration is whichever is newest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.calibration.rates import spreads
from analysis.calibration.recording import read
from analysis.calibration.replay import SECONDS, simulate
from analysis.regressions.judge import Verdict
from analysis.vocabulary import SAME

pytestmark = pytest.mark.slow

RECORDING = Path(__file__).with_name("recording.json")
GATES = 20


@pytest.fixture(scope="module")
def recorded():
    return read(RECORDING)


def gates(recorded, head: str, number: int = GATES):
    random = np.random.default_rng(1)
    return [simulate(recorded, head, recorded.passes, random) for _ in range(number)]


def test_the_rounds_are_real_in_that_no_two_processes_agree(recorded):
    assert len(recorded.passes) >= 16
    assert len(recorded.cells) == 45
    assert spreads(recorded)["plain"].min() > 0.001


def test_a_commit_against_itself_regresses_in_one_per_cent_of_gates_at_most_and_its_cells_mostly_pass(recorded):
    """One gate of these 200 does, in a cell whose processes differ by 3 %; the bar is 1 %."""
    found = gates(recorded, SAME, 200)
    assert sum(gate.regressed(recorded.cells) for gate in found) <= 2
    verdicts = [verdict for gate in found for verdict in gate.verdicts.values()]
    assert verdicts.count(Verdict.PASS) > 0.9 * len(verdicts)


@pytest.mark.parametrize(("side", "caught"), [("slow_3", 14), ("slow_5", 19), ("slow_10", GATES)])
def test_slowdowns_are_called(recorded, side, caught):
    """The bars are 70 % at 3 % and 95 % at 5 %."""
    assert sum(gate.regressed(recorded.slowed_cells) for gate in gates(recorded, side)) >= caught


def test_no_gate_exceeds_its_ten_minutes(recorded):
    assert max(gate.minutes for gate in gates(recorded, "slow_5")) <= SECONDS / 60
