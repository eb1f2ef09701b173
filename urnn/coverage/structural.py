"""Coverage by single units, cells and gates: neuron, cell and gate coverage (Huang et al. 2019, arXiv 1906.08557).

The states' aggregates are a+ and a-, the sums of a step's positive and of its negative hidden units.
"""

from typing import Any

import torch
from torch import Tensor, nn

from urnn.coverage.metric import Metric
from urnn.coverage.states import Trace
from urnn.quantities import require_number
from urnn.shapes import Bool, Float


def positive(hidden: Float[Tensor, "T B H"]) -> Float[Tensor, "T B"]:
    """a+ of each step.

    Example:
        >>> import torch
        >>> from urnn.coverage.structural import positive
        >>> positive(torch.tensor([[[1.0, -2.0, 0.5]]]))
        tensor([[1.5000]])
    """
    return hidden.clamp(min=0).sum(2)


def negative(hidden: Float[Tensor, "T B H"]) -> Float[Tensor, "T B"]:
    """a- of each step.

    Example:
        >>> import torch
        >>> from urnn.coverage.structural import negative
        >>> negative(torch.tensor([[[1.0, -2.0, 0.5]]]))
        tensor([[-2.]])
    """
    return hidden.clamp(max=0).sum(2)


def changes(series: Float[Tensor, "T B"]) -> Float[Tensor, "T B"]:
    """From the step before; the first from 0.

    Example:
        >>> import torch
        >>> from urnn.coverage.structural import changes
        >>> changes(torch.tensor([[1.0], [4.0]])).flatten()
        tensor([1., 3.])
    """
    return torch.cat([series[:1], series[1:] - series[:-1]])


class NeuronCoverage(Metric):
    """One requirement a hidden unit: a value above the threshold at some step of the window.

    A uRNN has two for each complex unit, its real and its imaginary part.

    Args:
        threshold: of a unit's value.

    Example:
        >>> import torch
        >>> from urnn import URNN
        >>> from urnn.coverage import NeuronCoverage
        >>> NeuronCoverage(URNN(3, 4)).fit(torch.zeros(5, 2, 3)).count
        8
    """

    name = "neuron"

    def __init__(self, rnn: nn.Module, *, threshold: float = 0.0, **named: Any) -> None:
        super().__init__(rnn, **named)
        self.threshold = require_number("threshold", threshold)

    def options(self) -> dict[str, Any]:
        return {"threshold": self.threshold}

    def requirements(self) -> int:
        return self.width

    def met(self, seen: Trace) -> Bool[Tensor, "B requirements"]:
        return self._in_window(seen.hidden).amax(0) > self.threshold

    def distance(self, seen: Trace, requirement: int) -> Float[Tensor, " B"]:
        return self.threshold - self._in_window(seen.hidden)[..., requirement].amax(0)

    def describe(self, requirement: int) -> str:
        return f"unit {requirement} above {self.threshold:g}"


class _EachStep(Metric):
    """One requirement a step of the window: a value that is above a threshold, or reaches it."""

    strictly = True

    def __init__(self, rnn: nn.Module, *, threshold: float, **named: Any) -> None:
        super().__init__(rnn, **named)
        self.threshold = require_number("threshold", threshold)

    def options(self) -> dict[str, Any]:
        return {"threshold": self.threshold}

    def requirements(self) -> int:
        first, last = self.window or (0, 0)
        return last - first

    def series(self, seen: Trace) -> Float[Tensor, "T B"]:
        """The value of each step of the window."""
        raise NotImplementedError

    def met(self, seen: Trace) -> Bool[Tensor, "B requirements"]:
        values = self.series(seen).T
        return values > self.threshold if self.strictly else values >= self.threshold

    def distance(self, seen: Trace, requirement: int) -> Float[Tensor, " B"]:
        return self.threshold - self.series(seen)[requirement]

    def describe(self, requirement: int) -> str:
        sign = ">" if self.strictly else ">="
        return f"{self.name} {sign} {self.threshold:g} at step {(self.window or (0,))[0] + requirement}"


class CellCoverage(_EachStep):
    """One requirement a step t: |a+_t - a+_{t-1}| + |a-_t - a-_{t-1}| above the threshold; before the first a = 0.

    Args:
        threshold: in units of the state; the authors take 3 to 9 for 128 units.

    Example:
        >>> import torch
        >>> from urnn.coverage import CellCoverage
        >>> CellCoverage(torch.nn.GRU(3, 4), window=(1, 5)).fit(torch.zeros(5, 2, 3)).describe(0)
        'cell > 3 at step 1'
    """

    name = "cell"

    def __init__(self, rnn: nn.Module, *, threshold: float = 3.0, **named: Any) -> None:
        super().__init__(rnn, threshold=threshold, **named)

    def series(self, seen: Trace) -> Float[Tensor, "T B"]:
        both = changes(positive(seen.hidden)).abs() + changes(negative(seen.hidden)).abs()
        return self._in_window(both)


class GateCoverage(_EachStep):
    """One requirement a step: the mean of an LSTM's forget gates above the threshold.

    Raises:
        ValueError: a module without forget gates.

    Example:
        >>> import torch
        >>> from urnn.coverage import GateCoverage
        >>> GateCoverage(torch.nn.LSTM(3, 4)).fit(torch.zeros(5, 2, 3)).count
        5
    """

    name = "gate"
    reads_gates = True

    def __init__(self, rnn: nn.Module, *, threshold: float = 0.8, **named: Any) -> None:
        super().__init__(rnn, threshold=threshold, **named)
        if self.kind != "LSTM":
            raise ValueError(
                f"gate coverage is the mean of an LSTM's forget gates, and this {self.kind} has none; "
                "take another metric, or an nn.LSTM"
            )

    def series(self, seen: Trace) -> Float[Tensor, "T B"]:
        return self._in_window(seen.gates["forget"].mean(2))
