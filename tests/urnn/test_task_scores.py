"""What a task scores, and what it says that a model without memory scores."""

import math

import pytest
import torch
from torch.nn.functional import one_hot

from urnn.tasks import Copying, Pixels
from urnn.tasks.copying import BLANK


def certain(classes: torch.Tensor, count: int = 9) -> torch.Tensor:
    return one_hot(classes, count).float()


@pytest.mark.parametrize("length", [21, 120])
def test_printing_blanks_scores_nothing_on_the_recall_steps_and_much_over_all(length, generator):
    task = Copying(length)
    _, target = task.sample(6, generator)
    blanks = certain(torch.full_like(target, BLANK))
    assert task.score(blanks, target) == 0
    assert task.score_all(blanks, target) == pytest.approx(1 - 10 / length, rel=1e-12)


def test_a_copier_of_seven_symbols_scores_seven_tenths(generator):
    task = Copying(120)
    _, target = task.sample(6, generator)
    recalled = target.clone()
    recalled[-3:] = (target[-3:] + 1) % 8
    assert task.score(certain(recalled), target) == pytest.approx(0.7, rel=1e-12)
    assert task.score_all(certain(recalled), target) == pytest.approx(117 / 120, rel=1e-12)
    assert task.score(certain(target), target) == 1


@pytest.mark.parametrize(("wait", "published"), [(100, 0.1733), (200, 0.0945), (300, 0.0650), (1000, 0.0204)])
def test_copyings_baseline_is_the_papers(wait, published):
    task = Copying(wait + 20)
    assert task.baseline == pytest.approx(10 * math.log(8) / (wait + 20), rel=1e-12)
    assert task.baseline == pytest.approx(published, abs=5e-5)
    assert task.baseline_score == 1 / 8


def test_pixels_score_the_share_of_right_digits():
    target = torch.tensor([3, 9, 1, 1])
    assert Pixels(64).score(certain(torch.tensor([3, 9, 1, 2]), 10), target) == 0.75
    assert Pixels(64).baseline == pytest.approx(math.log(10), rel=1e-15)
    assert Pixels(64).baseline_score == 0.1
