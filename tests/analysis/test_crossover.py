"""Crossovers on constructed lines whose meeting point is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.schema import tidy_frame
from analysis.statistics import Lead, crossover, ratio, summarise

SIZES = (64, 128, 256, 512)


@pytest.fixture
def compare(curve):
    """Times of the uRNN and of a baseline by size -> the crossover."""

    def run(ours, theirs, match="hidden_size", **changes):
        table = summarise(tidy_frame(curve("urnn", ours) + curve("lstm", theirs, **changes)))
        return crossover(table[table["model"] == "urnn"], table[table["model"] == "lstm"], match)

    return run


def test_two_power_laws_meet_where_they_must(compare):
    found = compare(dict.fromkeys(SIZES, 300.0), {n: float(n) for n in SIZES})
    assert found.lead is Lead.FROM_A_SIZE
    assert found.span.at == pytest.approx(300.0)
    assert (found.span.first, found.span.last) == pytest.approx((64, 512))
    assert found.gain_first.value == pytest.approx(64 / 300)
    assert found.gain_last.value == pytest.approx(512 / 300)
    assert found.also == ()


def test_ahead_from_the_smallest_size_on(compare):
    found = compare(dict.fromkeys(SIZES, 1.0), dict.fromkeys(SIZES, 2.0))
    assert found.lead is Lead.FROM_SMALLEST
    assert (found.span.at, found.span.low, found.span.high) == (-math.inf, -math.inf, -math.inf)


@pytest.mark.parametrize("ours", [2.0, 1.0])
def test_not_ahead_up_to_the_largest_size_and_a_tie_is_no_lead(compare, ours):
    found = compare(dict.fromkeys(SIZES, ours), dict.fromkeys(SIZES, 1.0))
    assert found.lead is Lead.NOT_UP_TO_LARGEST
    assert found.span.at == math.inf


def test_an_early_lead_that_is_lost_is_no_crossover_but_is_told(compare):
    found = compare({64: 1.0, 128: 1.0, 256: 2.0, 512: 2.0}, {n: math.sqrt(2) for n in SIZES})
    assert found.lead is Lead.NOT_UP_TO_LARGEST
    assert found.also == (pytest.approx((64.0, 128 * math.sqrt(2))),)


def test_of_several_crossings_the_last_counts_and_the_others_are_told(compare):
    ours = {64: 2.0, 128: 0.5, 256: 2.0, 512: 0.5}
    found = compare(ours, dict.fromkeys(SIZES, 1.0))
    assert found.lead is Lead.FROM_A_SIZE
    assert found.span.at == pytest.approx(256 * math.sqrt(2))
    assert found.also == (pytest.approx((64 * math.sqrt(2), 128 * math.sqrt(2))),)


def test_without_common_range_nothing_was_measured(compare):
    assert compare({64: 1.0, 128: 1.0}, {256: 1.0}).lead is Lead.NOT_MEASURED
    assert compare({64: 1.0}, {}).lead is Lead.NOT_MEASURED
    assert compare({64: 1.0}, {}).span is None


def test_one_common_size_is_enough_for_a_comparison(compare):
    found = compare({64: 1.0, 128: 1.0}, {128: 2.0})
    assert found.lead is Lead.FROM_SMALLEST
    assert found.span.first == found.span.last == pytest.approx(128)
    assert found.gain_last.value == pytest.approx(2.0)


def test_equal_real_state_compares_the_baseline_at_twice_the_hidden_size(compare):
    """The uRNN's n units hold 2n real numbers, the baseline's n hold n: its time n is met at 2n = 300."""
    found = compare(dict.fromkeys((64, 128, 256), 300.0), {n: float(n) for n in SIZES}, match="state_size")
    assert found.span.at == pytest.approx(300.0)
    assert found.hidden.at == pytest.approx(150.0)
    assert (found.span.first, found.span.last) == pytest.approx((128, 512))


def test_equal_parameters_interpolate_and_never_extrapolate(compare):
    """uRNN: 30 n parameters, baseline n^2. The ranges 1920..15360 and 4096..262144 overlap from 4096 to 15360."""
    found = compare(dict.fromkeys(SIZES, 100.0), {n: float(n) for n in SIZES}, match="parameters")
    assert (found.span.first, found.span.last) == pytest.approx((4096, 15360))
    assert found.span.at == pytest.approx(10_000)
    assert found.hidden.at == pytest.approx(10_000 / 30)
    assert found.gain_first.value == pytest.approx(0.64)


def test_unknown_parameter_counts_are_not_measured(compare):
    found = compare(dict.fromkeys(SIZES, 1.0), dict.fromkeys(SIZES, 1.0), match="parameters", parameters=None)
    assert found.lead is Lead.NOT_MEASURED


@pytest.mark.slow
def test_the_interval_covers_the_true_crossover(compare):
    hits = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        ours = {n: list(300 * np.exp(rng.normal(0, 0.1, 15))) for n in SIZES}
        theirs = {n: list(n * np.exp(rng.normal(0, 0.1, 15))) for n in SIZES}
        span = compare(ours, theirs).span
        assert span.low <= span.at <= span.high
        hits += span.low <= 300 <= span.high
    assert 35 <= hits <= 40


def test_an_interval_may_be_open_at_the_end(compare):
    noisy = [0.9, 0.95, 1.0, 1.05, 1.1]
    found = compare({64: 2.0, 128: [0.99 * x for x in noisy]}, {64: 1.0, 128: noisy})
    assert found.span.high == math.inf
    assert 64 < found.span.low < 128


def test_cells_of_two_batches_are_refused(curve):
    rows = curve("urnn", {64: 1.0}) + curve("urnn", {64: 1.0}, batch=1)
    table = summarise(tidy_frame(rows))
    with pytest.raises(ValueError, match="one cell a hidden_size"):
        crossover(table, table)


def test_ratio_of_two_cells(curve):
    table = summarise(tidy_frame(curve("urnn", {64: [1.0, 1.1, 0.9]}) + curve("lstm", {64: [3.0, 3.3, 2.7]})))
    ours, theirs = (table[table["model"] == model].iloc[0] for model in ("urnn", "lstm"))
    found = ratio(theirs, ours)
    assert found.value == pytest.approx(3.0)
    assert 2.7 / 1.1 - 1e-9 <= found.low < 3.0 < found.high <= 3.3 / 0.9 + 1e-9
