"""After a confirmation: which other cells of that model are named, and how they are told as a group."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from analysis.regressions.comparison import Comparison, NamedCommit
from analysis.regressions.groups import groups
from analysis.regressions.judge import (
    CONFIRMED,
    NAMED,
    NOTHING,
    TIME,
    Row,
    Verdict,
    conclude,
    gate_verdicts,
    judge_gate,
    to_name,
)
from analysis.regressions.measurements import Measurements
from analysis.regressions.outputs import document, markdown
from analysis.statistics.log_ratio import of_pairs

ONE, TWO, THREE = (f"urnn:cpu-train-copying-n{n}-T100-B32-cpu-float32" for n in (128, 256, 512))
STREAM = "urnn:cpu-stream-copying-n128-T1-B1-cpu-float32"
OTHER = ONE.replace("urnn:cpu", "gru:torch")
CELLS = (ONE, TWO, THREE, STREAM, OTHER)


def ratio(slower: float, noise: float = 0.005, passes: int = 8):
    """Log-ratios of a cell that is so much slower, with noise that adds up to nothing."""
    shape = np.linspace(-1, 1, passes)
    return of_pairs((math.log1p(slower) + noise * shape).tolist())


EVEN = dict.fromkeys(CELLS, ratio(0.0))


def test_a_model_that_is_not_confirmed_has_no_cell_to_name():
    verdicts = gate_verdicts(EVEN | {ONE: ratio(0.05)}, {ONE: ratio(0.0)}, {ONE: ratio(0.0), TWO: ratio(0.5)})
    assert Verdict.REGRESSED not in {verdict for verdict, _ in verdicts.values()}
    assert to_name(verdicts) == ()


def test_the_other_cells_of_a_confirmed_model_are_named_by_fresh_passes_and_no_other_models():
    suspects = EVEN | {ONE: ratio(0.05), OTHER: ratio(0.05)}
    fresh = {TWO: ratio(0.04, 0.02), THREE: ratio(0.0), OTHER: ratio(0.5)}
    verdicts = gate_verdicts(suspects, {ONE: ratio(0.05)}, fresh)
    assert verdicts[ONE] == (Verdict.REGRESSED, CONFIRMED)
    assert verdicts[TWO] == (Verdict.REGRESSED, NAMED)
    assert {cell for cell, (verdict, _) in verdicts.items() if verdict is Verdict.REGRESSED} == {ONE, TWO}
    assert verdicts[THREE] == (Verdict.PASS, "")


def test_below_the_floor_or_with_two_passes_nothing_is_named():
    for fresh in (ratio(0.019, 1e-4), ratio(0.5, passes=2)):
        verdicts = gate_verdicts(EVEN | {ONE: ratio(0.05)}, {ONE: ratio(0.05)}, {TWO: fresh})
        assert verdicts[TWO][0] is Verdict.PASS


def test_holms_correction_is_over_the_other_cells_of_the_model():
    """A cell of p = 0.03 is named where it is the only one, and not where it is one of three."""
    weak = next(
        one for one in (ratio(0.03, noise) for noise in np.linspace(0.01, 0.2, 400)) if one.p_slower() > 0.03
    )
    assert weak.p_slower() < 0.05
    start = EVEN | {ONE: ratio(0.05)}
    alone = gate_verdicts(start, {ONE: ratio(0.05)}, {TWO: weak})
    assert alone[TWO][0] is Verdict.REGRESSED
    among = gate_verdicts(start, {ONE: ratio(0.05)}, {TWO: weak, THREE: ratio(0.0), STREAM: ratio(0.0)})
    assert among[TWO][0] is Verdict.PASS


def test_what_is_to_be_named_are_the_suspects_first():
    verdicts = gate_verdicts(EVEN | {ONE: ratio(0.05)}, {ONE: ratio(0.05)}, {})
    assert to_name(verdicts, (THREE, OTHER)) == (THREE, TWO, STREAM)


def measured(slower: dict[str, float], passes: int, seed: int) -> tuple[Measurements, Measurements]:
    random = np.random.default_rng(seed)

    def side(factors: dict[str, float]) -> Measurements:
        return Measurements(
            {
                cell: {
                    at: (1 + factors.get(cell, 0.0)) * math.exp(random.normal(0, 0.004))
                    for at in range(1, passes + 1)
                }
                for cell in CELLS
            }
        )

    return side({}), side(slower)


def test_passes_of_the_confirmation_and_of_the_naming_count_together():
    slow = {ONE: 0.06, TWO: 0.06}
    judged = judge_gate(
        measured(slow, 6, 0), measured(slow, 8, 1), CELLS, (ONE,), naming=measured({TWO: 0.06}, 5, 2)
    )
    rows = {row.cell: row for row in judged.rows}
    assert (rows[ONE].reason, rows[ONE].passes) == (CONFIRMED, 8)
    assert (rows[TWO].reason, rows[TWO].passes) == (NAMED, 13)
    assert rows[TWO].ratio == pytest.approx(1.06, abs=0.01)
    assert rows[OTHER].verdict is Verdict.PASS
    assert judged.naming == (TWO, THREE, STREAM)


def test_what_is_asked_for_does_not_depend_on_what_the_confirmation_showed_of_the_others():
    """They are looked at once, with all their passes."""
    slow = {ONE: 0.06, TWO: 0.06}
    judged = judge_gate(measured(slow, 6, 0), measured(slow, 8, 1), CELLS, (ONE,), naming=NOTHING)
    assert TWO in judged.naming


def row(cell: str, change: float, reach: float, verdict=Verdict.REGRESSED, metric=TIME) -> Row:
    numbers = (math.exp(math.log1p(change) + by) for by in (0.0, -reach, reach))
    return Row(cell, metric, verdict, 1.0, 1.0, *numbers, 8)


ROWS = [
    row(ONE, 0.10, 0.02),
    row(TWO, 0.08, 0.02),
    row(STREAM, 0.05, 0.01),
    row(THREE, 0.5, 0.1, Verdict.INCONCLUSIVE),
    row(OTHER, 0.5, 0.1, Verdict.REGRESSED, "operators"),
]


def test_a_sentence_a_model_and_phase_with_the_mean_over_its_cells():
    training, streaming = groups(ROWS)
    mean, reach = (math.log(1.10) + math.log(1.08)) / 2, math.hypot(0.02, 0.02) / 2
    assert training.cells == (ONE, TWO)
    assert math.log1p(training.slower) == pytest.approx(mean)
    assert (math.log1p(training.low), math.log1p(training.high)) == pytest.approx((mean - reach, mean + reach))
    assert training.sentence == "urnn:cpu: slower in training by 9.0 % (7.5 to 10.5) over 2 cells"
    assert streaming.sentence == "urnn:cpu: slower in streaming by 5.0 % (4.0 to 6.1) over 1 cell"


def test_names_of_another_project_have_no_model():
    assert groups([row("test_b.py::test_sort", 0.5, 0.1), row("a:b-train-x", 0.5, 0.1)]) == []


def test_the_groups_stand_in_the_markdown_and_in_the_json():
    comparison = Comparison(NamedCommit("a"), NamedCommit("b"), ROWS, conclude(ROWS))
    assert "- urnn:cpu: slower in training by 9.0 % (7.5 to 10.5) over 2 cells\n" in markdown(comparison)
    found = json.loads(document(comparison))["groups"]
    assert [one["phase"] for one in found] == ["train", "stream"]
    assert found[0]["cells"] == [ONE, TWO]
