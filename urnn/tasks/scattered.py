"""Copying whose symbols stand at random places of the wait, so that a model has to tell what to keep.

The two tasks are one idea, published twice, and differ in what is asked and when. Selective copying (Gu, Dao 2023,
"Mamba", section 4.1.1) shows a marker at each step that asks for a symbol, and scores those steps alone. Denoising
(Jing et al. 2017, "Gated orthogonal recurrent units") shows one marker, after which the model has to count by
itself, and scores every step: noise is due where nothing is asked for. Here both have copying's T and ten symbols
to recall; denoising has its authors' alphabet of 9, selective copying has copying's 8.
"""

import math

import torch
from torch import Tensor

from urnn.shapes import Float, Int
from urnn.tasks.answers import Classes
from urnn.tasks.copying import RECALL, SYMBOLS

SHORTEST = 2 * RECALL + 1
DATA = 9  # symbols of denoising


def scattered(
    shown: Int[Tensor, "K B"], steps: int, filler: int, generator: torch.Generator
) -> Int[Tensor, "{steps} B"]:
    """The symbols of each sequence in their order, at places drawn uniformly from `steps`, and `filler` elsewhere.

    Example:
        >>> import torch
        >>> from urnn.tasks.scattered import scattered
        >>> scattered(torch.tensor([[1], [2]]), 2, filler=0, generator=torch.Generator()).flatten()
        tensor([1, 2])
    """
    count, batch = shown.shape
    places = torch.rand(steps, batch, generator=generator).topk(count, dim=0).indices.sort(0).values
    return torch.full((steps, batch), filler).scatter_(0, places, shown)


def _require(length: int) -> None:
    if length < SHORTEST:
        raise ValueError(
            f"length must be at least {SHORTEST} time steps, {RECALL} of them to recall, got {length}"
        )


class SelectiveCopying(Classes):
    """Sequences of `length` time steps: 10 of 8 symbols among noise, then 10 markers that ask for them in order.

    T is `length` less 20, as in copying: T + 10 steps in which the symbols stand, and 10 that recall them.

    Attributes:
        input_size: 10, a one-hot of 8 symbols, the noise and the marker.
        output_size: 8, the symbols.
        baseline: the loss without memory, ln 8.
        baseline_score: the score without memory, 1/8.

    Raises:
        ValueError: a length below 21.

    Example:
        >>> import torch
        >>> from urnn.tasks import SelectiveCopying
        >>> x, target = SelectiveCopying(length=120).sample(1, torch.Generator().manual_seed(0))
        >>> x.shape, target.shape
        (torch.Size([120, 1, 10]), torch.Size([10, 1]))
        >>> shown = x.argmax(-1)
        >>> torch.equal(shown[shown < 8], target[:, 0])
        True
    """

    input_size = SYMBOLS + 2
    output_size = SYMBOLS
    score_name = "recall accuracy"
    baseline = math.log(SYMBOLS)
    baseline_score = 1 / SYMBOLS

    def __init__(self, length: int) -> None:
        _require(length)
        self.length = length

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Float[Tensor, "T B m"], Int[Tensor, "10 B"]]:
        """Inputs, one-hot float32, and the symbols in their order."""
        noise, marker = SYMBOLS, SYMBOLS + 1
        target = torch.randint(SYMBOLS, (RECALL, batch), generator=generator)
        symbols = scattered(target, self.length - RECALL, noise, generator)
        symbols = torch.cat([symbols, torch.full((RECALL, batch), marker)])
        return torch.nn.functional.one_hot(symbols, self.input_size).float(), target

    @staticmethod
    def read(
        output: Float[Tensor, "T B features"], last: Float[Tensor, "B features"]
    ) -> Float[Tensor, "10 B features"]:
        """What the read-out looks at, of a model's output and its last step: the markers."""
        return output[-RECALL:]


class Denoising(Classes):
    """Sequences of `length` time steps: 10 of 9 symbols among noise, a marker, and noise while they are recalled.

    T is `length` less 20, as in copying: T + 9 steps in which the symbols stand, the marker, and 10 that recall.
    The authors' code draws places with replacement, by which symbols get lost; here every symbol is shown.

    Attributes:
        input_size: 11, a one-hot of 9 symbols, the noise and the marker.
        output_size: 10, the 9 symbols and the noise.
        baseline: the loss without memory, 10 ln 9 / length: noise where noise is due, then any symbol.
        baseline_score: the score without memory, 1/9.

    Raises:
        ValueError: a length below 21.

    Example:
        >>> import torch
        >>> from urnn.tasks import Denoising
        >>> x, target = Denoising(length=120).sample(1, torch.Generator().manual_seed(0))
        >>> x.shape, target.shape
        (torch.Size([120, 1, 11]), torch.Size([120, 1]))
        >>> shown = x.argmax(-1)
        >>> torch.equal(shown[shown < 9], target[-10:, 0])
        True
    """

    input_size = DATA + 2
    output_size = DATA + 1
    score_name = "recall accuracy"
    baseline_score = 1 / DATA

    def __init__(self, length: int) -> None:
        _require(length)
        self.length = length
        self.baseline = RECALL * math.log(DATA) / length

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Float[Tensor, "T B m"], Int[Tensor, "T B"]]:
        """Inputs, one-hot float32, and the class that is right at each step."""
        noise, marker = DATA, DATA + 1
        shown = torch.randint(DATA, (RECALL, batch), generator=generator)
        symbols = torch.full((self.length, batch), noise)
        symbols[: -RECALL - 1] = scattered(shown, self.length - RECALL - 1, noise, generator)
        symbols[-RECALL - 1] = marker
        target = torch.full((self.length, batch), noise)
        target[-RECALL:] = shown
        return torch.nn.functional.one_hot(symbols, self.input_size).float(), target

    def score(self, logits: Float[Tensor, "T B k"], target: Int[Tensor, "T B"]) -> float:
        """Share of the recall steps whose symbol is right: chance is 1/9, and printing noise scores 0."""
        return super().score(logits[-RECALL:], target[-RECALL:])

    def score_all(self, logits: Float[Tensor, "T B k"], target: Int[Tensor, "T B"]) -> float:
        """Share of all steps that are right. Flatters, as that of copying does."""
        return super().score(logits, target)
