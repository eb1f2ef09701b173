"""Exponents: a power law gives its power, and the line is scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.schema import tidy_frame
from analysis.statistics import exponent, summarise


def summary(rows):
    return summarise(tidy_frame(rows))


@pytest.mark.parametrize("power", [0.0, 1.0, 1.7, 2.0])
def test_a_power_law_gives_its_exponent(curve, power):
    found = exponent(summary(curve("urnn", {n: 1e-6 * n**power for n in (64, 128, 512, 1024)})), "hidden_size")
    assert found.estimate.value == pytest.approx(power, abs=1e-12)
    assert (found.first, found.last, found.points) == (64, 1024, 4)


def test_the_line_is_that_of_scipy(curve):
    sizes, values = [64, 128, 256, 512], [1.0, 1.5, 5.0, 7.0]
    found = exponent(summary(curve("urnn", dict(zip(sizes, values, strict=True)))), "hidden_size")
    assert found.estimate.value == pytest.approx(stats.linregress(np.log(sizes), np.log(values)).slope, rel=1e-12)


def test_a_constant_step_time_is_linear_in_length(curve):
    rows = curve("urnn", {50: 3e-4, 100: 3e-4, 200: 3e-4}, over="length")
    assert exponent(summary(rows), "length").estimate.value == pytest.approx(1.0)


def test_memory_over_length_is_not_shifted(curve):
    rows = curve("urnn", {t: 8.0 * t for t in (50, 100, 200)}, over="length", metric="peak_allocated", unit="B")
    assert exponent(summary(rows), "length").estimate.value == pytest.approx(1.0)


def test_noise_widens_the_interval_around_the_true_exponent(curve):
    rng = np.random.default_rng(0)
    noisy = {n: list(1e-6 * n * np.exp(rng.normal(0, 0.1, 15))) for n in (64, 128, 256, 512)}
    found = exponent(summary(curve("urnn", noisy)), "hidden_size").estimate
    assert found.low < 1.0 < found.high
    assert 0.01 < found.high - found.low < 0.3


def test_two_sizes_are_too_few_and_two_batches_too_many(curve):
    assert exponent(summary(curve("urnn", {64: 1.0, 128: 2.0})), "hidden_size") is None
    rows = curve("urnn", {64: 1.0, 128: 2.0}) + curve("urnn", {64: 1.0}, batch=1)
    with pytest.raises(ValueError, match="one cell a hidden_size"):
        exponent(summary(rows), "hidden_size")
