"""GLOREE (Sedghi, Anandkumar 2016) as an estimator: a quadratic recurrent net from moments, without a gradient.

The first pass over the data gives A1 and A2, from the curvature of y_t in x_t; the second U, from mixed or fourth
moments of the hidden units that A2 gives back, and A1 and A2 again; the third all of them once more, out of what
the whole net leaves unexplained.

Known weaknesses: signs of whole units (a row of A1 with its row of U) are free, as they are in the net; a net with
as many units as outputs reads its hidden units through the inverse of A2, noise included.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from urnn.arguments import require_flag
from urnn.quantities import require_count
from urnn.spectral import conditions
from urnn.spectral.moments import Batch
from urnn.spectral.passes import Plan, learn
from urnn.spectral.quadratic import QuadraticRNN
from urnn.spectral.scores import Gaussian, IndependentGaussian

Chunks = Iterable[tuple[Any, Any]]
LARGEST_SEED = 2**64 - 1  # that torch takes
RECURRENCES = ("mixed", "fourth")
FEWEST_BATCHES, LARGEST_BATCH, BATCH_ENTRIES = 32, 8192, 1 << 18


class SpectralRNN(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A quadratic recurrent net learned from cross-moments of inputs and outputs.

    Args:
        hidden_size: k, units each direction; at most as many as there are outputs, both directions together.
        power: of the units' activation; only 2 is worked out.
        bidirectional: whether as many units again read from the end.
        score_function: of the inputs' distribution; independent Gaussians of unit variance where None.
        recurrence: "mixed" takes U from E[h S_{1,2}], which is linear in it; "fourth" from E[h S_4], the paper's,
            which needs many more sequences (and takes signs alone from the former).
        passes: over the data, 2 or 3.
        starts: of the decomposition.
        random_state: seed of the starts.

    Attributes:
        A1_: (units, m), unit rows; A2_: (units, dy); U_: (k, k); V_: (k, k) of the backward units, or None.
        residual_: relative norm of what the components leave of the second moments.
        misfit_: the same in standard errors for each free entry; about 1 where the model is right.
        component_errors_: (units,) standard error of each row of A1, as an angle in radians.
        wrong_direction_: the largest entry that mixed moments give a unit from the side it does not read, of which
            the right value is 0; None unless bidirectional.
        n_features_in_: m.

    Example:
        >>> import torch
        >>> from urnn.spectral import QuadraticRNN, Sequences, SpectralRNN
        >>> net = QuadraticRNN(3, 2, 3, dtype=torch.float64).draw(0.2, torch.Generator().manual_seed(2))
        >>> x, y = Sequences(net, samples=20000).whole()
        >>> found = SpectralRNN(hidden_size=2).fit(x, y)
        >>> found.predict(x).shape
        (20000, 4, 3)
        >>> bool(found.score(x, y) > 0.95)
        True
        >>> found.to_module()
        QuadraticRNN(3, 2, 3)
    """

    def __init__(
        self,
        hidden_size: int,
        power: int = 2,
        bidirectional: bool = False,
        *,
        score_function: Gaussian | None = None,
        recurrence: str = "mixed",
        passes: int = 3,
        starts: int = 20,
        random_state: int = 0,
    ) -> None:
        self.hidden_size = hidden_size
        self.power = power
        self.bidirectional = bidirectional
        self.score_function = score_function
        self.recurrence = recurrence
        self.passes = passes
        self.starts = starts
        self.random_state = random_state

    def fit(self, x: Any, y: Any) -> "SpectralRNN":
        """Learns from x (n, T, m) and y (n, T, dy): arrays, memory maps or tensors, read a part at a time.

        Warns with `SpectralWarning` where the inputs are not of the score's distribution, and where components or
        directions are not told apart.

        Raises:
            TypeError: no arrays of real numbers, or a setting of the wrong type.
            ValueError: shapes that do not fit, NaN, too few sequences, more units than outputs, or a setting that
                is out of range.
        """
        conditions.require_sequences(x, y)
        samples, _, size = x.shape
        number = min(_largest_batch(size), max(1, math.ceil(samples / FEWEST_BATCHES)))
        return self._fit(lambda: ((x[at : at + number], y[at : at + number]) for at in range(0, samples, number)))

    def fit_chunks(self, chunks: Chunks) -> "SpectralRNN":
        """The same of chunks of (x, y), walked over once for every pass: a list, or what has an __iter__.

        Raises:
            TypeError, ValueError: as `fit` does, and for chunks that are no such pairs or of several shapes.
        """
        if not isinstance(chunks, Iterable):
            raise TypeError(f"expected chunks as pairs (x, y) to walk over, got {type(chunks).__name__}")
        return self._fit(lambda: _pieces(chunks))

    def _fit(self, pieces: Callable[[], Iterator[tuple[Any, Any]]]) -> "SpectralRNN":
        score = self._require_settings()
        walk = conditions.same_every_time(pieces)

        def batches() -> Iterator[Batch]:
            for x, y in walk():
                inputs, outputs = conditions.numbers("x", x), conditions.numbers("y", y)
                w = score.precision(len(inputs)) @ inputs.flatten(1)
                yield Batch(inputs, outputs, w.view_as(inputs))

        with torch.no_grad():
            found = learn(
                Plan(
                    batches,
                    score,
                    self.hidden_size,
                    self.bidirectional,
                    self.recurrence == "fourth",
                    self.passes,
                    self.starts,
                    self.random_state,
                )
            )
        for doubt in found.doubts:
            conditions.warn(doubt)
        net, components = found.net, found.components
        self.A1_, self.A2_, self.U_ = net.A1.numpy(), net.A2.numpy(), net.U.numpy()
        self.V_ = None if net.V is None else net.V.numpy()
        self.residual_, self.misfit_ = components.residual, components.misfit
        self.component_errors_ = components.errors.numpy()
        self.wrong_direction_ = found.wrong_direction
        self.n_features_in_ = net.input_size
        return self

    def _require_settings(self) -> Gaussian:
        """The score; raises TypeError or ValueError for a setting that cannot be."""
        require_count("hidden_size", self.hidden_size, 1)
        require_count("starts", self.starts, 1)
        require_count("passes", self.passes, 2, 3)
        require_count("random_state", self.random_state, 0, LARGEST_SEED)
        require_flag("bidirectional", self.bidirectional)
        if self.power != 2:
            raise ValueError(
                f"power must be 2, got {self.power!r}: of other powers the moments are others, and not worked out"
            )
        if self.recurrence not in RECURRENCES:
            raise ValueError(f"recurrence must be one of {', '.join(RECURRENCES)}, got {self.recurrence!r}")
        if self.score_function is None:
            return IndependentGaussian()
        if not isinstance(self.score_function, Gaussian):
            raise TypeError(
                "score_function must be a score such as IndependentGaussian(), got "
                f"{type(self.score_function).__name__}"
            )
        return self.score_function

    def predict(self, x: Any) -> NDArray[np.float64]:
        """y (n, T, dy) of x (n, T, m).

        Raises:
            NotFittedError: before `fit`.
            TypeError, ValueError: x that is no such array.
        """
        check_is_fitted(self)
        if not hasattr(x, "shape") or len(x.shape) != 3 or x.shape[2] != self.n_features_in_ or not x.shape[1]:
            got = tuple(x.shape) if hasattr(x, "shape") else type(x).__name__
            raise ValueError(f"expected x (n, T, {self.n_features_in_}) with T of at least 1, got {got}")
        conditions.require_dense("x", x)
        net = self.to_module(torch.float64)
        parts = [torch.zeros(0, x.shape[1], net.output_size, dtype=torch.float64)]
        with torch.no_grad():
            for at in range(0, len(x), LARGEST_BATCH):
                read = conditions.numbers("x", x[at : at + LARGEST_BATCH]).transpose(1, 2)
                parts.append(net(read).transpose(0, 1))
        return torch.cat(parts).numpy()

    def score(self, x: Any, y: Any) -> float:
        """R^2: 1 minus the mean square of the errors over the variance of y, all outputs and steps together.

        Raises:
            NotFittedError: before `fit`.
            TypeError, ValueError: no such arrays, or outputs that do not vary.
        """
        conditions.require_sequences(x, y)
        predicted = self.predict(x)
        if y.shape[2] != predicted.shape[2]:
            raise ValueError(f"expected y (n, T, {predicted.shape[2]}), got {tuple(y.shape)}")
        y = conditions.numbers("y", y).permute(2, 0, 1).numpy()
        whole = np.square(y - y.mean((0, 1))).sum() if len(y) else 0.0
        if whole == 0:
            raise ValueError("the outputs y do not vary, so that R^2 is not defined")
        return float(1 - np.square(y - predicted).sum() / whole)

    def to_module(self, dtype: torch.dtype = torch.float32) -> QuadraticRNN:
        """The net as a module of its own, (T, B, m) -> (T, B, dy), to be trained further by back-propagation."""
        check_is_fitted(self)
        units, size = self.A1_.shape
        net = QuadraticRNN(
            size,
            units // (1 + self.bidirectional),
            self.A2_.shape[1],
            bidirectional=self.bidirectional,
            dtype=dtype,
        )
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                parameter.copy_(torch.from_numpy(getattr(self, f"{name}_")))
        return net


def _largest_batch(size: int) -> int:
    """Sequences whose second moments stay in the processor's cache."""
    return max(256, min(LARGEST_BATCH, BATCH_ENTRIES // (size * (size + 1) // 2)))


def _pieces(chunks: Chunks) -> Iterator[tuple[Any, Any]]:
    """Chunks cut into batches, eight at least of each, because errors come from the spread between batches."""
    for x, y in conditions.alike(chunks):
        number = max(1, min(_largest_batch(x.shape[2]), math.ceil(len(x) / 8)))
        for at in range(0, len(x), number):
            yield x[at : at + number], y[at : at + number]
