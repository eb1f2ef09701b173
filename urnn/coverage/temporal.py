"""Coverage of how states move over a window of steps.

Sequence coverage is of 2019 (arXiv 1906.08557), boundary, step-wise and temporal coverage are of the later paper
(Huang et al. 2022, IEEE Transactions on Reliability; arXiv 1911.01952v3), whose xi_t is |sum of all hidden units|.
In the later authors' code the least value and its place are swapped where temporal coverage looks for the closest
test; here the closest test is the closest one.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from urnn.coverage import saved, words
from urnn.coverage.metric import Fitted, Metric, Passes
from urnn.coverage.states import Trace
from urnn.coverage.structural import _EachStep, changes, negative, positive
from urnn.quantities import require_count
from urnn.shapes import Bool, Float

MOST_WORDS = 100_000  # of a series: tests by words is the size of what an update marks
SIGNS = {"both": ("+", "-"), "+": ("+",), "-": ("-",)}


def aggregate(hidden: Float[Tensor, "T B H"]) -> Float[Tensor, "T B"]:
    """xi of each step: |sum of the positive units + sum of the negative ones|.

    Example:
        >>> import torch
        >>> from urnn.coverage.temporal import aggregate
        >>> aggregate(torch.tensor([[[1.0, -2.0, 0.5]]]))
        tensor([[0.5000]])
    """
    return (positive(hidden) + negative(hidden)).abs()


class _Words(Metric):
    """Requirements are the words of some series: `segments` letters of `symbols`."""

    def __init__(self, rnn: nn.Module, *, symbols: int, segments: int, **named: Any) -> None:
        self.symbols = require_count("symbols", symbols, 2, len(words.LETTERS))
        self.segments = require_count("segments", segments, 1)
        if self.segments * math.log(self.symbols) > math.log(MOST_WORDS) + 1e-9:
            raise ValueError(
                f"symbols ** segments must be at most {MOST_WORDS} words, got {symbols} ** {segments}; each is a "
                "requirement, so take fewer segments or symbols"
            )
        self.needs_steps = self.segments  # type: ignore[misc]
        super().__init__(rnn, **named)

    def options(self) -> dict[str, Any]:
        return {"symbols": self.symbols, "segments": self.segments}

    @property
    def per_series(self) -> int:
        """Words of one series."""
        return self.symbols**self.segments

    def all_series(self, seen: Trace) -> list[Float[Tensor, "T B"]]:
        """The normalised series that words are made of."""
        raise NotImplementedError

    def requirements(self) -> int:
        return self.per_series

    def met(self, seen: Trace) -> Bool[Tensor, "B requirements"]:
        found = []
        for series in self.all_series(seen):
            word = words.letters(words.averages(series, self.segments), self.symbols)
            found.append(words.as_marks(words.numbers(word, self.symbols), self.per_series))
        return torch.cat(found, 1)

    def distance(self, seen: Trace, requirement: int) -> Float[Tensor, " B"]:
        which, number = divmod(requirement, self.per_series)
        averages = words.averages(self.all_series(seen)[which], self.segments)
        return words.gaps(averages, number, self.symbols)

    def describe(self, requirement: int) -> str:
        return f"{self.name} {words.word_of(requirement, self.symbols, self.segments)}"


class SequenceCoverage(_Words):
    """SQ+ and SQ- of 2019: the words of a+ and a- over the window, each sequence normalised by itself.

    A series that is normalised by itself has mean 0, so with two symbols its averages are never all negative: the
    word "aaaaa" cannot be met, and "bbbbb" by a constant series alone.

    Args:
        sign: "+", "-" or "both".
        symbols, segments: of a word; 2 and 5 make 32 words for each sign.

    Example:
        >>> import torch
        >>> from urnn.coverage import SequenceCoverage
        >>> metric = SequenceCoverage(torch.nn.LSTM(3, 4)).fit(torch.zeros(5, 2, 3))
        >>> metric.count, metric.describe(33)
        (64, 'sequence- aaaab')
    """

    name = "sequence"

    def __init__(
        self, rnn: nn.Module, *, sign: str = "both", symbols: int = 2, segments: int = 5, **named: Any
    ) -> None:
        if not isinstance(sign, str) or sign not in SIGNS:
            raise ValueError(f"sign must be one of {', '.join(SIGNS)}, got {sign!r}")
        self.sign = sign
        super().__init__(rnn, symbols=symbols, segments=segments, **named)

    def options(self) -> dict[str, Any]:
        return {"sign": self.sign, **super().options()}

    def requirements(self) -> int:
        return self.per_series * len(SIGNS[self.sign])

    def all_series(self, seen: Trace) -> list[Float[Tensor, "T B"]]:
        sums = {"+": positive, "-": negative}
        hidden = self._in_window(seen.hidden)
        return [words.normalised(sums[sign](hidden)) for sign in SIGNS[self.sign]]

    def describe(self, requirement: int) -> str:
        which, number = divmod(requirement, self.per_series)
        return f"sequence{SIGNS[self.sign][which]} {words.word_of(number, self.symbols, self.segments)}"


class TemporalCoverage(_Words):
    """TC of 2022: the words of xi over the window, normalised by mean and deviation over the training sequences.

    Args:
        symbols, segments: of a word; 3 and 5 make 243 words.

    Example:
        >>> import torch
        >>> from urnn.coverage import TemporalCoverage
        >>> metric = TemporalCoverage(torch.nn.LSTM(8, 32), window=(1, 8)).fit(torch.rand(8, 50, 8))
        >>> metric.count, metric.describe(242)
        (243, 'temporal ccccc')
    """

    name = "temporal"

    def __init__(self, rnn: nn.Module, *, symbols: int = 3, segments: int = 5, **named: Any) -> None:
        super().__init__(rnn, symbols=symbols, segments=segments, **named)

    def learn(self, passes: Passes) -> Fitted:
        values = torch.cat([self._in_window(aggregate(seen.hidden)) for seen in passes()], 1).double()
        deviation = float(values.std(correction=0))
        return {"mean": float(values.mean()), "deviation": deviation if deviation > words.FLAT else 1.0}

    def require_learned(self, fitted: Fitted) -> None:
        saved.require_numbers(fitted, mean=(), deviation=())
        saved.require_positive(fitted, "deviation")

    def all_series(self, seen: Trace) -> list[Float[Tensor, "T B"]]:
        series = self._in_window(aggregate(seen.hidden))
        return [(series - self.fitted["mean"]) / self.fitted["deviation"]]


class _Scaled(_EachStep):
    """A series, scaled by its least and greatest value over the training sequences, reaches the threshold."""

    strictly = False

    def raw(self, seen: Trace) -> Float[Tensor, "T B"]:
        """The series before it is scaled, all steps."""
        raise NotImplementedError

    def learn(self, passes: Passes) -> Fitted:
        least, most = torch.inf, -torch.inf
        for seen in passes():
            values = self._in_window(self.raw(seen))
            least, most = min(least, float(values.min())), max(most, float(values.max()))
        return {"least": least, "range": most - least if most - least > words.FLAT else 1.0}

    def require_learned(self, fitted: Fitted) -> None:
        saved.require_numbers(fitted, least=(), range=())
        saved.require_positive(fitted, "range")

    def series(self, seen: Trace) -> Float[Tensor, "T B"]:
        return (self._in_window(self.raw(seen)) - self.fitted["least"]) / self.fitted["range"]


class BoundaryCoverage(_Scaled):
    """BC of 2022: one requirement a step, xi_t scaled by the training sequences' bounds is at least 0.8.

    Example:
        >>> import torch
        >>> from urnn.coverage import BoundaryCoverage
        >>> x = torch.rand(8, 50, 8)
        >>> metric = BoundaryCoverage(torch.nn.GRU(8, 32)).fit(x)
        >>> metric.update(x)
        >>> metric.value() > 0
        True
    """

    name = "boundary"

    def __init__(self, rnn: nn.Module, *, threshold: float = 0.8, **named: Any) -> None:
        super().__init__(rnn, threshold=threshold, **named)

    def raw(self, seen: Trace) -> Float[Tensor, "T B"]:
        return aggregate(seen.hidden)


class StepwiseCoverage(_Scaled):
    """SC of 2022: one requirement a step, |xi_t - xi_{t-1}| scaled in the same way is at least 0.6.

    Example:
        >>> import torch
        >>> from urnn.coverage import StepwiseCoverage
        >>> StepwiseCoverage(torch.nn.GRU(8, 32)).fit(torch.rand(8, 50, 8)).describe(2)
        'stepwise >= 0.6 at step 2'
    """

    name = "stepwise"

    def __init__(self, rnn: nn.Module, *, threshold: float = 0.6, **named: Any) -> None:
        super().__init__(rnn, threshold=threshold, **named)

    def raw(self, seen: Trace) -> Float[Tensor, "T B"]:
        return changes(aggregate(seen.hidden)).abs()
