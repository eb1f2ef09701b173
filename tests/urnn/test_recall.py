"""Associative recall shows pairs of different keys and values, and asks for each pair once."""

import math

import pytest
import torch
from torch.nn.functional import one_hot

from urnn.tasks import AssociativeRecall
from urnn.tasks.recall import KEYS, VALUES

every_number = pytest.mark.parametrize("pairs", [1, 2, 4, KEYS])


@every_number
def test_each_key_is_followed_by_the_value_that_it_is_asked_for(pairs, generator):
    x, target = AssociativeRecall(pairs).sample(30, generator)
    assert x.shape == (3 * pairs, 30, KEYS + VALUES)
    assert target.shape == (pairs, 30)
    assert torch.equal(x.sum(-1), torch.ones(3 * pairs, 30))
    for shown, expected in zip(x.argmax(-1).T.tolist(), target.T.tolist(), strict=True):
        keys, values, asked = shown[: 2 * pairs : 2], shown[1 : 2 * pairs : 2], shown[2 * pairs :]
        assert sorted(asked) == sorted(keys)
        assert len(set(keys)) == len(set(values)) == pairs
        assert max(keys) < KEYS <= min(values)
        value_of = dict(zip(keys, values, strict=True))
        assert [KEYS + value for value in expected] == [value_of[key] for key in asked]


def test_keys_values_and_queries_are_drawn_evenly(generator):
    x, target = AssociativeRecall(2).sample(8000, generator)
    shown = x.argmax(-1)
    for symbols, count in ((shown[0], KEYS), (shown[3] - KEYS, VALUES), (target[1], VALUES)):
        found, share = torch.bincount(symbols, minlength=count), 1 / count
        # binomial, five standard deviations of 8,000 draws
        assert (found - 8000 * share).abs().max() <= 5 * math.sqrt(8000 * share * (1 - share))
    first_again = int((shown[4] == shown[0]).sum())
    assert abs(first_again - 4000) <= 5 * math.sqrt(2000)


def test_a_generator_seeded_alike_gives_the_same_and_goes_on_to_something_else(generator):
    task = AssociativeRecall(4)
    first, again = task.sample(4, generator), task.sample(4, torch.Generator().manual_seed(0))
    assert all(map(torch.equal, first, again))
    assert not torch.equal(task.sample(4, generator)[0], first[0])


@every_number
def test_the_queries_are_read(pairs):
    output = torch.randn(3 * pairs, 3, 4)
    assert torch.equal(AssociativeRecall(pairs).read(output, output[-1]), output[2 * pairs :])


def test_guessing_costs_the_baseline_and_the_score_is_the_share_of_right_values(generator):
    task = AssociativeRecall(4)
    _, target = task.sample(6, generator)
    assert float(task.loss(torch.zeros(4, 6, VALUES), target)) == pytest.approx(math.log(VALUES), rel=1e-6)
    assert (task.baseline, task.baseline_score) == (pytest.approx(math.log(VALUES), rel=1e-15), 1 / VALUES)
    wrong = target.clone()
    wrong[0] = (target[0] + 1) % VALUES
    assert task.score(one_hot(wrong, VALUES).float(), target) == 0.75
    assert task.loss(1000 * one_hot(target, VALUES).float(), target) == 0


@pytest.mark.parametrize("pairs", [0, -1, KEYS + 1])
def test_more_pairs_than_keys_and_none_are_refused(pairs):
    with pytest.raises(ValueError) as caught:
        AssociativeRecall(pairs)
    assert str(caught.value) == (f"pairs must be from 1 to {KEYS}, which is how many keys there are, got {pairs}")
