"""What every coverage metric is: requirements, fixed by training sequences, that test sequences meet one by one.

A metric counts what was met so far, so it is incremental and never falls. Two that were fitted alike can be
merged, and one is saved as JSON and loaded for the same kind of module. A subclass says what it remembers of the
training sequences, which requirements there are, when a sequence meets one, and how far it is from meeting it.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from urnn.coverage import saved
from urnn.coverage.states import Trace, kind_of, layer_of, require_sequences, traces, width_of
from urnn.files import write_atomically
from urnn.quantities import require_count
from urnn.shapes import Bool, Float

FORMAT = 1
MOST_STEPS = 2**63 - 1
Passes = Callable[[], Iterator[Trace]]  # the training sequences once more, in parts
M = TypeVar("M", bound="Metric")  # typing.Self, which the shape checker refuses
Fitted = dict[str, Any]  # plain numbers, strings, and lists of them


class Metric(ABC):
    """Coverage of one layer's states by sequences.

    Args:
        rnn: an nn.LSTM, nn.GRU, nn.RNN or URNN.
        window: the first step that is looked at, and the one after the last; None for all steps of the training
            sequences. Sequences may be longer.
        layer: the layer that is looked at, from the end where it is negative.

    Raises:
        ValueError: a module that the metric is not defined for, a window that is none, or no such layer.
        TypeError: a number that is none, or not a whole one.

    Example:
        >>> import torch
        >>> from urnn.coverage import NeuronCoverage
        >>> metric = NeuronCoverage(torch.nn.LSTM(3, 4)).fit(torch.zeros(5, 2, 3))
        >>> metric.update(torch.randn(5, 20, 3))
        >>> metric.value() == 1 - len(metric.uncovered()) / metric.count
        True
    """

    name: ClassVar[str]
    reads_gates: ClassVar[bool] = False
    needs_steps: ClassVar[int] = 1  # the shortest window

    def __init__(self, rnn: nn.Module, *, window: tuple[int, int] | None = None, layer: int = -1) -> None:
        self.kind, self.width, self.layer = kind_of(rnn), width_of(rnn), layer_of(rnn, layer)
        self.rnn, self.window = rnn, None if window is None else self._checked_window(window)
        self.fitted: Fitted = {}
        self._covered = torch.zeros(0, dtype=torch.bool)

    # What a subclass says.

    @abstractmethod
    def options(self) -> Mapping[str, Any]:
        """Its thresholds and the like, by the names of its arguments."""

    def learn(self, passes: Passes) -> Fitted:
        """What it remembers of the training sequences."""
        return {}

    def require_learned(self, fitted: Fitted) -> None:
        """Raises ValueError where this cannot be what `learn` has given: it was read from a file."""
        saved.require_numbers(fitted)

    @abstractmethod
    def requirements(self) -> int:
        """How many there are."""

    @abstractmethod
    def met(self, seen: Trace) -> Bool[Tensor, "B requirements"]:
        """Which requirements each sequence meets."""

    @abstractmethod
    def distance(self, seen: Trace, requirement: int) -> Float[Tensor, " B"]:
        """How far each sequence is from meeting it, differentiable; above 0 only where it does not meet it."""

    @abstractmethod
    def describe(self, requirement: int) -> str:
        """The requirement in words."""

    # What all share.

    def fit(self: M, sequences: Float[Tensor, "T B m"]) -> M:
        """Fixes the requirements by training sequences; whatever was covered before is forgotten.

        Raises:
            ValueError: no sequences, such that are shorter than the window, or states that are not finite.
        """
        require_sequences(self.rnn, sequences)
        if sequences.shape[1] == 0:
            raise ValueError(f"{self.name} coverage is fitted to training sequences, got none")
        first, last = self.window or (0, len(sequences))
        self._require_steps(len(sequences), last)
        if last - first < self.needs_steps:
            raise ValueError(
                f"{self.name} coverage needs sequences of at least {self.needs_steps} steps, got {len(sequences)}"
            )
        self.window = first, last
        self.fitted = {"sequences": sequences.shape[1]}
        self.fitted |= self.learn(lambda: self.traces(sequences))
        self._covered = torch.zeros(self.requirements(), dtype=torch.bool)
        return self

    def update(self, sequences: Float[Tensor, "T B m"]) -> None:
        """Counts what these sequences meet.

        Raises:
            RuntimeError: it is not fitted yet.
            ValueError: sequences that are shorter than the window.
        """
        self._require_fitted()
        for seen in self.traces(sequences):
            self.add(self.met(seen))

    def add(self, met: Bool[Tensor, "B requirements"]) -> None:
        """Counts what `met` has said of some sequences."""
        self._require_fitted()
        self._covered |= met.any(0).cpu()

    def value(self) -> float:
        """The share of requirements that have been met."""
        self._require_fitted()
        return float(self._covered.double().mean())

    def covered(self) -> list[int]:
        """Those that have been met."""
        self._require_fitted()
        return self._covered.nonzero().flatten().tolist()

    def uncovered(self) -> list[int]:
        """Those that have not; `describe` says what each is."""
        self._require_fitted()
        return (~self._covered).nonzero().flatten().tolist()

    @property
    def count(self) -> int:
        """Requirements."""
        self._require_fitted()
        return len(self._covered)

    def merge(self, other: "Metric") -> None:
        """Counts what the other has counted as well.

        Raises:
            ValueError: it is another metric, or was fitted otherwise, so that its requirements are others.
            RuntimeError: one of the two is not fitted yet.
            TypeError: it is no metric.
        """
        self._require_fitted()
        if not isinstance(other, Metric):
            raise TypeError(f"only metrics can be merged, got {type(other).__name__}")
        if not other.fitted:
            raise RuntimeError(
                f"the {other.name} coverage to merge is not fitted yet; call its fit with the training "
                "sequences that this one was fitted to"
            )
        mine, its = self._identity(), other._identity()
        different = [name for name in mine if mine[name] != its.get(name)]
        if different:
            raise ValueError(f"only metrics that were fitted alike can be merged; these differ in {different[0]}")
        self._covered |= other._covered

    def traces(self, sequences: Float[Tensor, "T B m"]) -> Iterator[Trace]:
        """What the module does on these sequences, in parts: what `met` and `distance` read."""
        if self.window is not None:
            self._require_steps(len(sequences), self.window[1])
        return traces(self.rnn, sequences, self.layer, self.reads_gates)

    def as_json(self) -> str:
        """All of it but the module."""
        self._require_fitted()
        return json.dumps({"format": FORMAT, **self._identity(), "covered": self.covered()})

    def save(self, path: Path) -> None:
        """Writes `as_json` to a file, as a whole or not at all."""
        write_atomically(path, self.as_json().encode())

    def restore(self: M, text: str) -> M:
        """Takes what `as_json` said of such a metric; `urnn.coverage.load` makes the metric as well.

        Raises:
            ValueError: it is no such text, or of another metric, module or options; then this one stays as it was.
        """
        before = self.fitted, self.window
        try:
            self._covered = self._restored(text)
        except ValueError:
            self.fitted, self.window = before
            raise
        return self

    def _restored(self, text: str) -> Bool[Tensor, " requirements"]:
        """What was covered, once `fitted` and `window` are taken over."""
        try:
            stored = saved.parsed(text)
        except ValueError as error:
            raise self._no_saved(error) from error
        if stored.get("format") != FORMAT:
            raise ValueError(f"expected coverage of format {FORMAT}, got {stored.get('format')}")
        for name, mine in self._kind().items():
            if stored.get(name) != mine:
                raise ValueError(f"the saved coverage has {name} {stored.get(name)}, this one {mine}")
        try:
            self.window, self.fitted = self._checked_window(stored["window"]), saved.part(stored, "fitted", dict)
            learned = dict(self.fitted)
            require_count("sequences", learned.pop("sequences"), 1)
            self.require_learned(learned)
            marks = torch.zeros(self.requirements(), dtype=torch.bool)
            for number in saved.part(stored, "covered", list):
                marks[require_count("a covered one", number, 0, len(marks) - 1)] = True
        except (ValueError, KeyError, TypeError) as error:
            raise self._no_saved(error) from error
        return marks

    def _no_saved(self, error: Exception) -> ValueError:
        return ValueError(f"this is no saved {self.name} coverage ({saved.reason(error)})")

    def _checked_window(self, window: Sequence[int]) -> tuple[int, int]:
        if isinstance(window, str) or not isinstance(window, Sequence) or len(window) != 2:
            raise TypeError(f"window must be FIRST, LAST, two numbers of steps, got {window!r}")
        first, last = (require_count("a step of window", step, -MOST_STEPS, MOST_STEPS) for step in window)
        if not 0 <= first <= last - self.needs_steps:
            least = f"at least {self.needs_steps} step{'s' * (self.needs_steps > 1)}"
            raise ValueError(f"window must be FIRST, LAST with {least} from FIRST on, got {first}, {last}")
        return first, last

    def _kind(self) -> dict[str, Any]:
        """What two metrics share that can be fitted alike; as JSON gives it back."""
        named = {"metric": self.name, "module": self.kind, "width": self.width, "layer": self.layer}
        return named | {"options": dict(self.options())}

    def _identity(self) -> dict[str, Any]:
        """What two metrics share whose requirements are the same."""
        window = None if self.window is None else list(self.window)
        return self._kind() | {"window": window, "fitted": self.fitted}

    def _require_fitted(self) -> None:
        if not self.fitted:
            raise RuntimeError(f"{self.name} coverage is not fitted yet; call fit(training sequences) first")

    def _require_steps(self, steps: int, last: int) -> None:
        if steps < last:
            raise ValueError(
                f"{self.name} coverage looks at steps up to {last}, got sequences of {steps}; "
                "give longer ones or a window inside them"
            )

    def _in_window(self, series: Tensor) -> Tensor:
        first, last = self.window or (0, len(series))
        return series[first:last]
