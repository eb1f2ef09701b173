"""Holm's procedure against its definition: the smallest p of a closed test, over every subset."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from analysis.statistics.log_ratio import holm


def by_closed_testing(p_values: list[float]) -> list[float]:
    """A hypothesis falls at a level if every subset that holds it falls to Bonferroni at that level."""
    every = range(len(p_values))
    subsets = [set(chosen) for size in range(1, len(p_values) + 1) for chosen in combinations(every, size)]
    bonferroni = [min(1.0, len(subset) * min(p_values[i] for i in subset)) for subset in subsets]
    return [max(p for p, subset in zip(bonferroni, subsets, strict=True) if i in subset) for i in every]


def test_it_is_the_closed_test_of_bonferroni():
    rng = np.random.default_rng(0)
    for size in (1, 2, 5, 8):
        p_values = [float(p) for p in rng.uniform(0, 0.4, size)]
        # A product of one small integer and a number rounds once, the same on both sides.
        assert holm(p_values) == by_closed_testing(p_values)


def test_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02], rel=4e-16)


def test_no_p_values_give_none():
    assert holm([]) == []
