"""Bootstrap intervals: against scipy's, against a known coverage, and with the process as the unit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.bootstrap import Quartiles, bounds, estimate, median, replicates


def test_one_process_agrees_with_scipys_percentile_bootstrap():
    samples = np.random.default_rng(1).lognormal(size=41)
    ours = bounds(replicates([samples], np.random.default_rng(2), count=20_000))
    theirs = stats.bootstrap(
        (samples,), np.median, method="percentile", n_resamples=20_000, rng=np.random.default_rng(3)
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), rel=0.05)


def test_the_interval_covers_the_true_median_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(300):
        low, high = bounds(replicates([rng.normal(10, 1, size=25)], rng, count=400))
        hits += low <= 10 <= high
    assert 0.90 <= hits / 300 <= 0.99


@pytest.mark.slow
def test_processes_are_the_unit_and_not_rounds():
    """Ten processes that differ by far more than their rounds: pooling the rounds would miss the true median."""
    rng = np.random.default_rng(5)
    hits, pooled_hits = 0, 0
    for _ in range(200):
        processes = [rng.normal(rng.normal(10, 1), 0.01, size=20) for _ in range(10)]
        low, high = bounds(replicates(processes, rng, count=400))
        hits += low <= 10 <= high
        low, high = bounds(replicates([np.concatenate(processes)], rng, count=400))
        pooled_hits += low <= 10 <= high
    assert hits / 200 >= 0.88
    assert pooled_hits / 200 < 0.75


def test_a_process_counts_once_however_many_rounds_it_ran():
    assert median([np.array([1.0] * 99), np.array([2.0]), np.array([3.0])]) == 2.0


def test_quartiles_give_the_interval_of_the_notch():
    """McGill, Tukey and Larsen 1978: median -+ 1.96 times 1.25 IQR / (1.35 sqrt N)."""
    process = Quartiles(lower=9.0, median=10.0, upper=11.0, rounds=25)
    expected = 1.96 * 1.25 * 2 / (1.35 * 5)
    low, high = bounds(replicates([process], np.random.default_rng(6), count=20_000))
    assert (10 - low, high - 10) == pytest.approx((expected, expected), rel=0.05)


def test_equal_samples_have_an_interval_without_width():
    draws = replicates([np.array([3.0, 3.0]), np.array([3.0])], np.random.default_rng(7))
    assert estimate(3.0, draws).low == estimate(3.0, draws).high == 3.0


def test_bounds_do_not_turn_infinite_draws_into_nan():
    draws = np.array([-np.inf] * 10 + [1.0] * 80 + [np.inf] * 10)
    assert bounds(draws) == (-np.inf, np.inf)
