"""Symbolic aggregate approximation (SAX): a window of a series as a short word (Lin, Keogh, Lonardi, Chiu 2003).

The series is normalised, averaged over segments of equal length, and each average becomes a letter; the letters
are equally likely where the series is Gaussian. Where segments end within a step, it is shared out.
"""

from statistics import NormalDist
from string import ascii_lowercase

import torch
from torch import Tensor

from urnn.shapes import Bool, Float, Int

LETTERS = ascii_lowercase  # of words, one a symbol
FLAT = 1e-8  # a deviation below this is rounding: such a window is constant
ROUNDING = 8  # units in the last place of a series: neither is what moves by less


def cuts(symbols: int) -> list[float]:
    """Where one letter ends and the next begins; a value on a cut has the upper letter.

    Example:
        >>> from urnn.coverage.words import cuts
        >>> cuts(2), [round(cut, 2) for cut in cuts(3)]
        ([0.0], [-0.43, 0.43])
    """
    return [0.0 if 2 * k == symbols else NormalDist().inv_cdf(k / symbols) for k in range(1, symbols)]


def normalised(series: Float[Tensor, "T B"]) -> Float[Tensor, "T B"]:
    """Each series with mean 0 and deviation 1; a constant one is 0.

    Example:
        >>> import torch
        >>> from urnn.coverage.words import normalised
        >>> normalised(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
        tensor([[-1.,  0.],
                [ 1.,  0.]])
    """
    centred = series - series.mean(0)
    deviation = centred.square().mean(0)
    rounding = ROUNDING * torch.finfo(series.dtype).eps * series.detach().abs().amax(0)
    flat = deviation.sqrt() < rounding.clamp(min=FLAT)
    return torch.where(flat, torch.zeros_like(centred), centred / torch.where(flat, 1.0, deviation).sqrt())


def averages(series: Float[Tensor, "T B"], segments: int) -> Float[Tensor, "segments B"]:
    """The mean over each segment.

    Example:
        >>> import torch
        >>> from urnn.coverage.words import averages
        >>> averages(torch.tensor([[1.0], [2.0], [6.0]]), 2).flatten()  # (1 + 2/2) / 1.5, (2/2 + 6) / 1.5
        tensor([1.3333, 4.6667])
    """
    return shares(len(series), segments).to(series) @ series


def shares(steps: int, segments: int) -> Float[Tensor, "segments T"]:
    """The weight of each step in each segment; those of a segment sum to 1.

    Example:
        >>> from urnn.coverage.words import shares
        >>> shares(3, 2) * 3
        tensor([[2., 1., 0.],
                [0., 1., 2.]], dtype=torch.float64)
    """
    long = steps / segments
    begin = torch.arange(segments, dtype=torch.float64)[:, None] * long
    step = torch.arange(steps, dtype=torch.float64)[None]
    overlap = torch.minimum(begin + long, step + 1) - torch.maximum(begin, step)
    return overlap.clamp(min=0) / long


def letters(values: Float[Tensor, "..."], symbols: int) -> Int[Tensor, "..."]:
    """0 for the lowest letter.

    Example:
        >>> import torch
        >>> from urnn.coverage.words import letters
        >>> letters(torch.tensor([-1.0, 0.0, 1.0]), symbols=3)
        tensor([0, 1, 2])
    """
    return torch.bucketize(values.detach(), torch.tensor(cuts(symbols)).to(values), right=True)


def numbers(word: Int[Tensor, "segments B"], symbols: int) -> Int[Tensor, " B"]:
    """Each word's number: its letters as digits, the first the highest.

    Example:
        >>> import torch
        >>> from urnn.coverage.words import numbers
        >>> numbers(torch.tensor([[1], [0], [2]]), symbols=3)
        tensor([11])
    """
    number = torch.zeros_like(word[0])
    for letter in word:
        number = number * symbols + letter
    return number


def word_of(number: int, symbols: int, segments: int) -> str:
    """The word of that number in letters.

    Example:
        >>> from urnn.coverage.words import word_of
        >>> word_of(11, symbols=3, segments=3)
        'bac'
    """
    return "".join(LETTERS[number // symbols**place % symbols] for place in reversed(range(segments)))


def gaps(values: Float[Tensor, "segments B"], number: int, symbols: int) -> Float[Tensor, " B"]:
    """How far the segments' averages are from those of a word, summed over segments; 0 where it is the word.

    Example:
        >>> import torch
        >>> from urnn.coverage.words import gaps
        >>> gaps(torch.tensor([[-1.0], [0.5]]), number=3, symbols=2)  # "bb"
        tensor([1.])
    """
    edges = [-torch.inf, *cuts(symbols), torch.inf]
    word = word_of(number, symbols, len(values))
    low, high = (
        torch.tensor([edges[LETTERS.index(letter) + side] for letter in word]).to(values)[:, None]
        for side in (0, 1)
    )
    return ((low - values).clamp(min=0) + (values - high).clamp(min=0)).sum(0)


def as_marks(number: Int[Tensor, " B"], count: int) -> Bool[Tensor, "B count"]:
    """Row b has a True at its number.

    Example:
        >>> import torch
        >>> from urnn.coverage.words import as_marks
        >>> as_marks(torch.tensor([1]), 3)
        tensor([[False,  True, False]])
    """
    return number[:, None] == torch.arange(count, device=number.device)
