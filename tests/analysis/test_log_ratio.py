"""Intervals and p values against scipy's tests, and the sentinel's weight against its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.log_ratio import ASSUMED_SPREAD, LogRatio, of_groups, of_pairs, sentinel_weight

EPS = np.finfo(np.float64).eps
DIFFERENCES = [0.031, 0.052, 0.047, 0.029, 0.061, 0.044]
BASE, HEAD = [0.0, 0.011, -0.006, 0.004], [0.05, 0.071, 0.048, 0.066, 0.052]


def close(value: float) -> object:
    # t's distribution is computed iteratively on both sides; a few hundred roundings are allowed.
    return pytest.approx(value, rel=1000 * EPS)


def test_pairs_agree_with_scipys_paired_t():
    ratio = of_pairs(DIFFERENCES)
    slower = stats.ttest_1samp(DIFFERENCES, 0, alternative="greater")
    assert ratio.p_slower() == close(slower.pvalue)
    assert ratio.p_faster() == close(stats.ttest_1samp(DIFFERENCES, 0, alternative="less").pvalue)
    expected = stats.ttest_1samp(DIFFERENCES, 0).confidence_interval(0.95)
    assert ratio.interval() == (close(expected.low), close(expected.high))
    assert (ratio.mean, ratio.freedom, ratio.processes) == (close(np.mean(DIFFERENCES)), 5, 6)


def test_groups_agree_with_scipys_welch():
    ratio = of_groups(BASE, HEAD)
    test = stats.ttest_ind(HEAD, BASE, equal_var=False, alternative="greater")
    assert ratio.p_slower() == close(test.pvalue)
    expected = stats.ttest_ind(HEAD, BASE, equal_var=False).confidence_interval(0.95)
    assert ratio.interval() == (close(expected.low), close(expected.high))
    assert ratio.freedom == close(test.df)
    assert ratio.processes == 4


@pytest.mark.parametrize("processes", [1, 2])
def test_few_processes_take_the_stated_spread_and_the_normal_distribution(processes):
    paired = of_pairs([0.1] * processes)
    grouped = of_groups([0.0] * processes, [0.1] * 5)
    assert paired.error == close(ASSUMED_SPREAD * math.sqrt(2 / processes))
    assert grouped.error == close(ASSUMED_SPREAD * math.sqrt(1 / processes + 1 / 5))
    for ratio in (paired, grouped):
        assert ratio.interval()[1] == close(0.1 + stats.norm.ppf(0.975) * ratio.error)
        assert ratio.p_slower() == close(stats.norm.sf(0.1 / ratio.error))


@pytest.mark.parametrize(("shift", "slower", "faster"), [(0.0, 0.5, 0.5), (0.1, 0.0, 1.0), (-0.1, 1.0, 0.0)])
def test_values_without_any_spread_are_decided_by_their_sign(shift, slower, faster):
    for ratio in (of_pairs([shift] * 4), of_groups([1.0] * 4, [1.0 + shift] * 4)):
        assert ratio.mean == pytest.approx(shift, abs=2 * EPS)
        assert LogRatio(shift, 0.0, ratio.freedom, 4).p_slower() == slower
        assert LogRatio(shift, 0.0, ratio.freedom, 4).p_faster() == faster


def test_nothing_measured_is_an_error():
    with pytest.raises(ValueError, match=r"^Expected at least one pass, got none\.$"):
        of_pairs([])
    with pytest.raises(ValueError, match=r"^Expected processes on both sides, got 0 and 2\.$"):
        of_groups([], [0.1, 0.2])


class TestSentinelWeight:
    DRIFT = (0.0, 0.02, -0.01, 0.03, -0.02, 0.01)

    def cells(self, share: float) -> list:
        return [([0.05 + share * drift for drift in self.DRIFT], list(self.DRIFT))] * 3

    @pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
    def test_it_is_the_slope_within_cells(self, share):
        slope = stats.linregress(self.DRIFT, self.cells(share)[0][0]).slope
        assert sentinel_weight(self.cells(share)) == pytest.approx(slope, abs=100 * EPS)

    def test_it_stays_between_nothing_and_the_plain_ratio(self):
        assert sentinel_weight(self.cells(-0.5)) == 0.0
        assert sentinel_weight(self.cells(1.7)) == 1.0

    def test_a_constant_shift_of_one_cell_teaches_nothing(self):
        shifted = [([0.3 + value for value in own], other) for own, other in self.cells(0.4)[:1]]
        assert sentinel_weight(self.cells(0.4)[:2] + shifted) == pytest.approx(0.4, abs=100 * EPS)

    def test_with_little_to_learn_from_it_is_the_plain_ratio(self):
        assert sentinel_weight(self.cells(0.4)[:1]) == 1.0
        assert sentinel_weight([]) == 1.0
        assert sentinel_weight([([0.1, 0.2, 0.1] * 5, [0.0] * 15)]) == 1.0
