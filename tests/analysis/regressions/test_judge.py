"""Verdicts on hand-made samples: what passes, what is called, and what is never taken for a pass."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.regressions.judge import (
    TIME,
    Pair,
    Row,
    Verdict,
    conclude,
    instruction_rows,
    judge,
    judge_gate,
    worst_first,
)
from analysis.regressions.measurements import Measurements

AT = "-train-copying-n128-T100-B32-cpu-float32"
OURS, LSTM, GRU = (f"{variant}{AT}" for variant in ("urnn:cpu", "lstm:torch", "gru:torch"))
NOISE = (0.004, -0.006, 0.001, 0.005, -0.003, -0.001, 0.002, -0.002)


def side(factors: dict[str, float], noise=NOISE, drift=(0.0,) * 8, seed: int = 0, **more) -> Measurements:
    """Eight passes of a second each, times each cell's factor, with noise of about half a per cent."""
    rng = np.random.default_rng(seed)
    return Measurements(
        {
            cell: {
                number: factor * math.exp(value + shift)
                for number, (value, shift) in enumerate(zip(rng.permutation(noise), drift, strict=True), start=1)
            }
            for cell, factor in factors.items()
        },
        **more,
    )


EVEN = {OURS: 1.0, LSTM: 1.0, GRU: 1.0}
BASE = side(EVEN)


def head(ours: float = 1.0, **options) -> Measurements:
    return side(EVEN | {OURS: ours}, seed=1, **options)


def verdicts(rows: list[Row]) -> dict[str, Verdict]:
    return {row.cell: row.verdict for row in rows if row.metric == TIME}


def only(verdict: Verdict) -> dict[str, Verdict]:
    return {OURS: verdict, LSTM: Verdict.PASS, GRU: Verdict.PASS}


@pytest.mark.parametrize("paired", [True, False])
class TestOneGo:
    def test_the_same_code_passes(self, paired):
        rows = judge(BASE, head(), list(EVEN), paired=paired).rows
        assert verdicts(rows) == only(Verdict.PASS)
        assert (conclude(rows).code, conclude(rows).sentence) == (0, "Passed: 3 cells judged, none regressed.")

    def test_a_slowdown_of_one_cell_is_called_with_its_size(self, paired):
        rows = judge(BASE, head(1.05), list(EVEN), paired=paired).rows
        assert verdicts(rows) == only(Verdict.REGRESSED)
        row = rows[0]
        assert row.low < 1.05 < row.high
        assert row.low > 1.02
        assert row.passes == 8
        assert (conclude(rows).code, conclude(rows).sentence) == (1, "Regressed: 1 of 3 cells judged.")

    def test_a_speed_up_is_called_faster_and_passes(self, paired):
        rows = judge(BASE, head(0.9), list(EVEN), paired=paired).rows
        assert verdicts(rows) == only(Verdict.FASTER)
        assert conclude(rows).code == 0

    def test_below_the_floor_nothing_is_called_however_sure(self, paired):
        rows = judge(BASE, head(1.015), list(EVEN), paired=paired).rows
        assert rows[0].low > 1
        assert verdicts(rows) == only(Verdict.PASS)

    def test_noise_beyond_what_is_tolerated_is_inconclusive(self, paired):
        rows = judge(BASE, head(noise=tuple(40 * value for value in NOISE)), list(EVEN), paired=paired).rows
        assert set(verdicts(rows).values()) == {Verdict.INCONCLUSIVE}
        assert rows[0].reason == "the interval reaches beyond 5.0 %"
        assert conclude(rows).code == 2
        assert conclude(rows).sentence.startswith("Inconclusive: all 3 cells; ")

    def test_a_cell_that_is_new_in_head_is_told_and_fails_nothing(self, paired):
        new = f"irnn:torch{AT}"
        rows = judge(BASE, side({**EVEN, new: 1.0}), [*EVEN, new], paired=paired).rows
        assert verdicts(rows)[new] is Verdict.NOT_MEASURED
        assert worst_first(rows)[-1].reason == "only in head: nothing to compare it with"
        assert conclude(rows).code == 0

    def test_a_renamed_cell_is_missed(self, paired):
        renamed = side({f"urnn:fused{AT}": 1.0, LSTM: 1.0, GRU: 1.0})
        rows = judge(BASE, renamed, [*EVEN, f"urnn:fused{AT}"], paired=paired).rows
        assert rows[0].reason == "only in base: missing or renamed in head"
        assert conclude(rows).code == 2
        assert conclude(rows).sentence == "Not measured: 1 of 4 cells, for the reasons in the table."

    @pytest.mark.parametrize("where", ["base", "head"])
    def test_a_cell_that_failed_on_one_side_is_not_measured_and_says_why(self, paired, where):
        failed = side({LSTM: 1.0, GRU: 1.0}, messages={OURS: "killed: for want of memory"})
        pair = (failed, BASE) if where == "base" else (BASE, failed)
        rows = judge(*pair, list(EVEN), paired=paired).rows
        assert rows[0].reason == f"{where}: killed: for want of memory"
        assert not rows[0].excused
        assert conclude(rows).code == 2

    @pytest.mark.parametrize("cells", [[], list(EVEN)])
    def test_an_empty_side_never_passes(self, paired, cells):
        for pair in ((Measurements({}), BASE), (BASE, Measurements({})), (Measurements({}), Measurements({}))):
            rows = judge(*pair, cells, paired=paired).rows
            assert conclude(rows).code == 2
            assert conclude(rows).sentence == (
                f"Not measured: none of {len(cells)} cells has a time on both sides."
            )

    def test_one_process_a_side_says_that_its_spread_is_assumed(self, paired):
        one = [Measurements({cell: {1: factor} for cell, factor in EVEN.items()}) for _ in range(2)]
        rows = judge(*one, list(EVEN), paired=paired).rows
        assert set(verdicts(rows).values()) == {Verdict.INCONCLUSIVE}
        assert rows[0].reason.endswith("1 process a side: their spread is assumed, not measured")
        slow = Measurements({cell: {1: 2.0 if cell == OURS else 1.0} for cell in EVEN})
        assert verdicts(judge(one[0], slow, list(EVEN), paired=paired).rows)[OURS] is Verdict.REGRESSED


class TestSentinel:
    DRIFT = (0.0, 0.3, -0.2, 0.25, 0.1, -0.3, 0.2, 0.15)

    def test_a_drift_that_both_saw_cancels(self):
        rows = judge(BASE, head(drift=self.DRIFT), list(EVEN), paired=True).rows
        found = verdicts(rows)
        assert found[OURS] is found[GRU] is Verdict.PASS
        assert found[LSTM] is Verdict.INCONCLUSIVE

    def test_a_slowdown_under_the_drift_is_called(self):
        assert verdicts(judge(BASE, head(1.05, drift=self.DRIFT), list(EVEN), paired=True).rows)[OURS] is (
            Verdict.REGRESSED
        )

    def test_without_a_sentinel_the_drift_stays(self):
        cells = [OURS, GRU]
        pair = [Measurements({cell: one.times[cell] for cell in cells}) for one in (BASE, head(drift=self.DRIFT))]
        assert set(verdicts(judge(*pair, cells, paired=True).rows).values()) == {Verdict.INCONCLUSIVE}

    def test_results_of_two_days_are_compared_by_their_ratio_to_it(self):
        tomorrow = head(drift=(0.5,) * 8)
        assert verdicts(judge(BASE, tomorrow, list(EVEN)).rows) == {
            OURS: Verdict.PASS,
            GRU: Verdict.PASS,
            LSTM: Verdict.REGRESSED,
        }


class TestGate:
    CELLS = tuple(EVEN)
    NOTHING = (Measurements({}), Measurements({}))

    def fresh(self, ours: float, passes: int = 8, noise: float = 1.0) -> Pair:
        pair = side(EVEN, seed=2), side(EVEN | {OURS: ours}, tuple(noise * value for value in NOISE), seed=3)
        return tuple(
            Measurements({cell: {n: times[n] for n in range(1, passes + 1)} for cell, times in one.times.items()})
            for one in pair
        )

    def test_a_suspect_is_named_and_not_called_before_fresh_rounds(self):
        judged = judge_gate((BASE, head(1.05)), self.NOTHING, self.CELLS)
        assert judged.suspects == (OURS,)
        assert judged.open == ()
        assert verdicts(judged.rows) == only(Verdict.INCONCLUSIVE)
        assert judged.rows[0].reason == "suspected, and not confirmed by fresh passes"
        assert conclude(judged.rows).code == 0

    def test_fresh_rounds_confirm_it(self):
        judged = judge_gate((BASE, head(1.05)), self.fresh(1.05), self.CELLS, (OURS,))
        assert verdicts(judged.rows) == only(Verdict.REGRESSED)
        assert judged.rows[0].reason == "confirmed by fresh passes"
        assert conclude(judged.rows).code == 1

    def test_fresh_rounds_clear_it(self):
        judged = judge_gate((BASE, head(1.05)), self.fresh(1.0), self.CELLS, (OURS,))
        assert verdicts(judged.rows) == only(Verdict.PASS)
        assert judged.rows[0].reason == "suspected, and fresh passes did not confirm it"

    def test_fresh_rounds_that_are_too_noisy_leave_it_open(self):
        judged = judge_gate((BASE, head(1.05)), self.fresh(1.05, noise=40.0), self.CELLS, (OURS,))
        assert verdicts(judged.rows) == only(Verdict.INCONCLUSIVE)

    def test_two_fresh_rounds_confirm_nothing(self):
        judged = judge_gate((BASE, head(1.5)), self.fresh(1.5, passes=2), self.CELLS, (OURS,))
        assert verdicts(judged.rows) == only(Verdict.INCONCLUSIVE)

    def test_fresh_rounds_alone_call_nobody_who_was_not_suspected(self):
        judged = judge_gate((BASE, head()), self.fresh(1.05), self.CELLS, ())
        assert verdicts(judged.rows) == only(Verdict.PASS)

    def test_noise_keeps_a_cell_open_for_more_rounds(self):
        noisy = side(EVEN, tuple(-40 * value for value in NOISE), seed=0)
        judged = judge_gate((BASE, noisy), self.NOTHING, self.CELLS)
        assert set(judged.open) | set(judged.suspects) == set(EVEN)
        assert judged.open


class TestFigures:
    def rows(self, metric: str, before: float, after: float | None) -> list[Row]:
        figures = [{OURS: {} if value is None else {metric: value}} for value in (before, after)]
        sides = [side({OURS: 1.0}, numbers=own) for own in figures]
        return [row for row in judge(*sides, [OURS]).rows if row.metric == metric]

    @pytest.mark.parametrize(
        ("metric", "before", "after", "verdict"),
        [
            ("peak_allocated", 1000, 1010, Verdict.PASS),
            ("peak_allocated", 1000, 1011, Verdict.REGRESSED),
            ("saved_for_backward", 100_000, 100_100, Verdict.PASS),
            ("saved_for_backward", 100_000, 100_101, Verdict.REGRESSED),
            ("saved_for_backward", 0, 4, Verdict.REGRESSED),
            ("saved_for_backward", 0, 0, Verdict.PASS),
            ("operators", 200, 202, Verdict.PASS),
            ("operators", 200, 203, Verdict.REGRESSED),
            ("parameters", 5000, 5001, Verdict.REGRESSED),
            ("parameters", 5000, 4000, Verdict.PASS),
        ],
    )
    def test_an_increase_beyond_the_margin_is_a_regression(self, metric, before, after, verdict):
        (row,) = self.rows(metric, before, after)
        assert row.verdict is verdict
        assert (row.base, row.head) == (before, after)

    @pytest.mark.parametrize(("after", "verdict"), [(1010, Verdict.PASS), (1011, Verdict.REGRESSED)])
    def test_one_per_cent_more_instructions_is_the_most(self, after, verdict):
        counted = {
            side: {"counts": {OURS: number}, "reason": ""} for side, number in (("base", 1000), ("head", after))
        }
        (row,) = instruction_rows(counted)
        assert (row.verdict, row.metric, row.base, row.head) == (verdict, "instructions", 1000, after)

    def test_a_machine_that_cannot_count_instructions_is_said_and_fails_nothing(self):
        nothing = {"counts": {}, "reason": "valgrind is not installed"}
        (row,) = instruction_rows({"base": nothing, "head": nothing})
        assert (row.verdict, row.reason, row.excused) == (Verdict.NOT_MEASURED, "valgrind is not installed", True)
        times = judge(side({OURS: 1.0}), side({OURS: 1.0}), [OURS]).rows
        assert conclude([*times, row]).code == 0
        assert instruction_rows(None) == []

    def test_instructions_that_head_alone_lost_are_not_measured(self):
        found = {"counts": {OURS: 1000}, "reason": ""}
        (row,) = instruction_rows({"base": found, "head": {"counts": {}, "reason": "callgrind failed"}})
        assert (row.verdict, row.excused) == (Verdict.NOT_MEASURED, False)

    def test_one_is_enough_to_fail(self):
        row = self.rows("saved_for_backward", 1000, 2000)
        times = judge(side({OURS: 1.0}), side({OURS: 1.0}), [OURS]).rows
        assert conclude([*times, *row]).code == 1

    def test_one_that_head_does_not_have_is_not_measured(self):
        (row,) = self.rows("operators", 200, None)
        assert (row.verdict, row.reason) == (Verdict.NOT_MEASURED, "head's files do not hold it")
        times = judge(side({OURS: 1.0}), side({OURS: 1.0}), [OURS]).rows
        assert conclude([*times, row]).code == 2
