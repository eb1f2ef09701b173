"""The adding problem's data is what the papers describe, its baseline what always answering 1 costs."""

import pytest
import torch

from urnn.tasks import Adding


@pytest.mark.parametrize("length", [2, 3, 10, 101])
def test_one_number_of_each_half_is_marked_and_the_two_are_summed(length, generator):
    x, target = Adding(length).sample(200, generator)
    assert x.shape == (length, 200, 2)
    assert target.shape == (200,)
    assert x.dtype == target.dtype == torch.float32
    numbers, markers = x.unbind(-1)
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert set(markers.unique().tolist()) == {0.0, 1.0} if length > 2 else {1.0}
    half = length // 2
    assert torch.equal(markers[:half].sum(0), torch.ones(200))
    assert torch.equal(markers[half:].sum(0), torch.ones(200))
    expected = torch.stack(
        [column[marked == 1].sum() for column, marked in zip(numbers.T, markers.T, strict=True)]
    )
    torch.testing.assert_close(target, expected, rtol=0, atol=2 * torch.finfo().eps)


def test_every_step_of_a_half_is_marked_about_equally_often(generator):
    x, _ = Adding(10).sample(5000, generator)
    counts = x[:, :, 1].sum(1)
    # binomial: 5,000 draws of chance 1/5, five standard deviations
    assert (counts - 1000).abs().max() <= 5 * (5000 / 5 * 4 / 5) ** 0.5


def test_a_generator_seeded_alike_gives_the_same_and_goes_on_to_something_else(generator):
    first = Adding(10).sample(4, generator)
    again = Adding(10).sample(4, torch.Generator().manual_seed(0))
    assert all(map(torch.equal, first, again))
    assert not torch.equal(Adding(10).sample(4, generator)[0], first[0])


def test_always_answering_one_costs_the_baseline(generator):
    task = Adding(20)
    _, target = task.sample(100_000, generator)
    ones = torch.ones(len(target), 1)
    # the squared error of 1 has mean 1/6 and variance 1/15 - 1/36, five standard errors
    assert task.baseline == pytest.approx(1 / 6, rel=1e-15)
    assert float(task.loss(ones, target)) == pytest.approx(task.baseline, abs=5 * (1 / 15 - 1 / 36) ** 0.5 / 316)
    # a share of 0.0784, five standard errors
    assert task.baseline_score == pytest.approx(0.0784, abs=1e-12)
    assert task.score(ones, target) == pytest.approx(task.baseline_score, abs=5 * 0.27 / 316)


def test_an_answer_counts_within_four_hundredths():
    target = torch.zeros(4)
    answers = torch.tensor([[0.0], [0.039], [-0.039], [0.041]])
    assert Adding(2).score(answers, target) == 0.75


@pytest.mark.parametrize("length", [1, 0, -3])
def test_sequences_without_two_halves_are_refused(length):
    with pytest.raises(ValueError) as caught:
        Adding(length)
    assert str(caught.value) == (f"length must be at least 2 time steps, one for each marked number, got {length}")
