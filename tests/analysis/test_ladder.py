"""A ladder's gains are those of the measured times, and a rung that is missing is neither hidden nor counted."""

from __future__ import annotations

import pytest

from analysis.ladder import best, climbs, models, spoken
from analysis.results.registry import OLD_MODELS, Registry
from analysis.schema import backends_of, tidy_frame
from analysis.statistics import summarise

RUNGS = list(OLD_MODELS["urnn_ladder"]["backends"])
FIRST, SECOND, THIRD = RUNGS[:3]


def with_absent(rows):
    return tidy_frame(rows + Registry().absent_rungs(rows))


def only(rows):
    found = climbs(summarise(with_absent(rows)), rows[0]["model"])
    assert len(found) == 1
    (phases,) = found.values()
    (climb,) = phases.values()
    return {rung.name: rung for rung in climb}


def test_gains_over_the_first_rung_and_over_the_one_before(ladder):
    rungs = only(ladder("urnn_ladder", {FIRST: 8.0, SECOND: 4.0, THIRD: 1.0}))
    assert rungs[FIRST].over_first.value == 1.0
    assert rungs[FIRST].over_previous is None
    assert rungs[THIRD].over_first.value == pytest.approx(8.0)
    assert rungs[THIRD].over_previous.value == pytest.approx(4.0)
    assert rungs[THIRD].over_first.low < 8.0 < rungs[THIRD].over_first.high
    assert rungs[THIRD].time.value == pytest.approx(1.0)


def test_a_rung_is_compared_with_the_nearest_measured_one_before_it(ladder):
    rungs = only(
        ladder("lstm_ladder", {"naive": 8.0, "grouped_gates": 4.0, "streams": None, "fused_pointwise": 2.0})
    )
    fused = rungs["fused_pointwise"]
    assert fused.skipping == "gates grouped"
    assert fused.over_previous.value == pytest.approx(2.0)
    assert rungs["grouped_gates"].skipping == ""
    streams = rungs["streams"]
    assert (streams.time, streams.outcome, streams.message) == (None, "not measured", "Streams are for CUDA.")
    assert (rungs["wavefront"].outcome, rungs["wavefront"].message) == ("not measured", "")


def test_a_rung_that_failed_says_so(ladder, row):
    rows = ladder("urnn_ladder", {FIRST: 8.0})
    gone = {"outcome": "out of memory", "message": "Too big."}
    rows.append(row("urnn_ladder", None, backend=SECOND, hidden_size=128, batch=16, **gone))
    assert (only(rows)[SECOND].outcome, only(rows)[SECOND].message) == ("out of memory", "Too big.")


def test_without_the_first_rung_no_gain_over_it_is_known(ladder):
    rungs = only(ladder("urnn_ladder", {SECOND: 4.0, THIRD: 1.0}))
    assert rungs[THIRD].over_first is None
    assert rungs[THIRD].over_previous.value == pytest.approx(4.0)
    assert best(tuple(rungs.values())) is None


def test_known_rungs_keep_their_order_and_unknown_ones_come_last_by_name(ladder):
    rows = ladder("urnn_ladder", {"zeta": 1.0, "alpha": 1.0, THIRD: 1.0, FIRST: 1.0})
    names = list(backends_of(summarise(with_absent(rows)), "urnn_ladder"))
    assert names == [*RUNGS, "alpha", "zeta"]
    assert only(rows)["zeta"].label == "zeta"


def test_layers_phases_and_sizes_are_places_of_their_own(ladder):
    rows = ladder("urnn_ladder", {FIRST: 8.0, SECOND: 4.0}) + ladder("urnn_ladder", {FIRST: 9.0}, num_layers=4)
    rows += ladder("urnn_ladder", {FIRST: 3.0, SECOND: 1.0}, hidden_size=64, batch=1, phase="forward")
    rows += ladder("urnn_ladder", {FIRST: 3.0, SECOND: 1.0}, hidden_size=64, batch=1)
    found = climbs(summarise(tidy_frame(rows)), "urnn_ladder")
    assert [(place.size(), place.layers(), list(phases)) for place, phases in found.items()] == [
        ("n = 64, B = 1", "1 layer", ["train", "forward"]),
        ("n = 128, B = 16", "1 layer", ["train"]),
        ("n = 128, B = 16", "4 layers", ["train"]),
    ]
    second = [climb[1].over_first for phases in found.values() for climb in phases.values()]
    gains = [gain.value if gain else None for gain in second]
    assert gains == [pytest.approx(3.0), pytest.approx(3.0), pytest.approx(2.0), None]


def test_the_place_that_speaks_is_the_anchor_or_the_nearest_with_a_gain(ladder):
    rows = ladder("urnn_ladder", {FIRST: 8.0}) + ladder("urnn_ladder", {FIRST: 8.0, SECOND: 4.0}, hidden_size=512)
    rows += ladder("urnn_ladder", {FIRST: 8.0, SECOND: 4.0}, phase="forward")
    table = summarise(tidy_frame(rows))
    place, phase = spoken(climbs(table, "urnn_ladder"))
    assert (place.size(), phase) == ("n = 512, B = 16", "train")
    assert spoken(climbs(table, "lstm_ladder")) is None
    assert models(table) == ["urnn_ladder"]


def test_the_best_rung_is_none_of_the_librarys_own(ladder):
    climb = tuple(only(ladder("lstm_ladder", {"naive": 8.0, "wavefront": 2.0, "nn_lstm": 1.0})).values())
    assert best(climb).name == "wavefront"
