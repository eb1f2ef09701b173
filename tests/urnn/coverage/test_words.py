"""Words are those of SAX, by a second definition in fractions of steps."""

import pytest
import torch

from tests.urnn.coverage import brute
from urnn.coverage import words


@pytest.mark.parametrize("symbols", [2, 3, 4])
@pytest.mark.parametrize("steps", [5, 7, 8, 10, 64])
def test_words_are_those_of_the_definition(steps, symbols, generator):
    series = torch.randn(steps, 50, dtype=torch.float64, generator=generator)
    letters = words.letters(words.averages(series, 5), symbols)
    found = [words.word_of(int(number), symbols, 5) for number in words.numbers(letters, symbols)]
    assert found == [brute.word(one, symbols, 5) for one in series.T.tolist()]
    assert len(set(found)) > 5


def test_the_number_of_a_word_is_its_place_in_the_dictionary():
    dictionary = [words.word_of(number, 3, 5) for number in range(243)]
    assert dictionary == sorted(set(dictionary))
    assert len(dictionary) == 243


def test_a_series_is_normalised_by_itself(generator):
    series = torch.randn(9, 4, dtype=torch.float64, generator=generator) * 5 + 3
    normal = words.normalised(series)
    assert torch.allclose(normal.mean(0), torch.zeros(4).double(), atol=1e-14)
    assert torch.allclose(normal.square().mean(0), torch.ones(4).double(), atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("steps", [5, 6, 7, 9, 13])
def test_a_constant_series_is_0_whatever_its_mean_rounds_to(steps, dtype):
    values = torch.tensor([0.1, 5.3, -50.7, 1000.3], dtype=dtype)
    assert not words.normalised(values.repeat(steps, 1)).any()


def test_the_gap_is_0_for_a_words_own_series_alone(generator):
    averages = torch.randn(5, 200, dtype=torch.float64, generator=generator)
    own = words.numbers(words.letters(averages, 3), 3)
    for number in range(243):
        assert torch.equal(words.gaps(averages, number, 3) == 0, own == number)
