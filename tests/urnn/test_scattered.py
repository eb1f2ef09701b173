"""Selective copying and denoising show their symbols anywhere, and ask for them as their authors do."""

import math

import pytest
import torch
from torch.nn.functional import one_hot

from urnn.tasks import Denoising, SelectiveCopying
from urnn.tasks.scattered import scattered

LENGTHS = [21, 22, 40, 120]
every_length = pytest.mark.parametrize("length", LENGTHS)
every_task = pytest.mark.parametrize("task", [SelectiveCopying, Denoising])


def symbols(x: torch.Tensor) -> torch.Tensor:
    """The symbol of each step, once every step is seen to hold exactly one."""
    assert torch.equal(x.sum(-1), torch.ones(x.shape[:2]))
    return x.argmax(-1)


class TestScattered:
    def test_symbols_stand_in_their_order_among_the_filler(self, generator):
        shown = torch.tensor([[3, 1], [3, 2], [0, 3]])
        found = scattered(shown, 9, filler=7, generator=generator)
        assert found.shape == (9, 2)
        for column, expected in zip(found.T, shown.T, strict=True):
            assert column[column != 7].tolist() == expected.tolist()

    def test_every_place_is_as_likely_as_any_other(self, generator):
        shown = torch.zeros(3, 4000, dtype=torch.int64)
        counts = (scattered(shown, 10, filler=1, generator=generator) == 0).sum(1)
        # binomial: 4,000 draws of chance 3/10, five standard deviations
        assert (counts - 1200).abs().max() <= 5 * math.sqrt(4000 * 0.3 * 0.7)


class TestSelectiveCopying:
    @every_length
    def test_ten_symbols_stand_before_ten_markers(self, length, generator):
        x, target = SelectiveCopying(length).sample(50, generator)
        shown = symbols(x)
        assert x.shape == (length, 50, 10)
        assert target.shape == (10, 50)
        assert (shown[-10:] == 9).all()
        assert (shown[:-10] <= 8).all()
        for column, expected in zip(shown.T, target.T, strict=True):
            assert torch.equal(column[column < 8], expected)

    def test_the_markers_are_read(self):
        output = torch.randn(30, 3, 4)
        assert torch.equal(SelectiveCopying.read(output, output[-1]), output[20:])

    def test_guessing_costs_the_baseline(self, generator):
        task = SelectiveCopying(30)
        _, target = task.sample(6, generator)
        assert float(task.loss(torch.zeros(10, 6, 8), target)) == pytest.approx(task.baseline, rel=1e-6)
        assert (task.baseline, task.baseline_score) == (pytest.approx(math.log(8), rel=1e-15), 1 / 8)
        assert task.score_all is None

    def test_seven_right_symbols_of_ten_score_seven_tenths(self, generator):
        task = SelectiveCopying(30)
        _, target = task.sample(6, generator)
        recalled = target.clone()
        recalled[:3] = (target[:3] + 1) % 8
        assert task.score(one_hot(recalled, 8).float(), target) == pytest.approx(0.7, rel=1e-12)
        assert task.loss(1000 * one_hot(target, 8).float(), target) == 0


class TestDenoising:
    @every_length
    def test_ten_symbols_stand_before_a_marker_and_noise(self, length, generator):
        x, target = Denoising(length).sample(50, generator)
        shown = symbols(x)
        assert x.shape == (length, 50, 11)
        assert target.shape == (length, 50)
        assert (shown[-11] == 10).all()
        assert (shown[-10:] == 9).all()
        assert (shown[:-11] <= 9).all()
        assert (target[:-10] == 9).all()
        for column, expected in zip(shown.T, target[-10:].T, strict=True):
            assert torch.equal(column[column < 9], expected)

    @every_length
    def test_noise_and_then_any_symbol_cost_the_baseline(self, length, generator):
        task = Denoising(length)
        _, target = task.sample(6, generator)
        logits = 1000 * one_hot(torch.full_like(target, 9), 10).float()
        logits[-10:] = torch.tensor([0.0] * 9 + [-1000.0])
        assert task.baseline == pytest.approx(10 * math.log(9) / length, rel=1e-12)
        # a float32 mean over every step
        expected = pytest.approx(task.baseline, rel=length * torch.finfo().eps)
        assert float(task.loss(logits, target)) == expected
        assert task.baseline_score == 1 / 9

    def test_printing_noise_scores_nothing_on_the_recall_steps_and_much_over_all(self, generator):
        task = Denoising(120)
        _, target = task.sample(6, generator)
        noise = one_hot(torch.full_like(target, 9), 10).float()
        assert task.score(noise, target) == 0
        assert task.score_all(noise, target) == pytest.approx(1 - 10 / 120, rel=1e-12)
        assert task.score(one_hot(target, 10).float(), target) == 1

    def test_every_step_is_read(self):
        output = torch.randn(5, 3, 4)
        assert Denoising.read(output, output[-1]) is output


@every_task
class TestBoth:
    @pytest.mark.parametrize("length", [20, 0, -3])
    def test_too_few_steps_are_refused(self, task, length):
        with pytest.raises(ValueError) as caught:
            task(length)
        assert str(caught.value) == f"length must be at least 21 time steps, 10 of them to recall, got {length}"

    def test_a_generator_seeded_alike_gives_the_same_and_goes_on_to_something_else(self, task, generator):
        first, again = task(40).sample(4, generator), task(40).sample(4, torch.Generator().manual_seed(0))
        assert all(map(torch.equal, first, again))
        assert not torch.equal(task(40).sample(4, generator)[0], first[0])
