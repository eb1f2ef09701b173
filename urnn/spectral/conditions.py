"""What has to hold before moments mean anything: data that can be used, and inputs of the score's distribution."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from torch import Tensor

from urnn.spectral.moments import Batch
from urnn.spectral.scores import Gaussian

FALSE_ALARM = 1e-6  # how often inputs that are right are said to be wrong, all tests together


class SpectralWarning(UserWarning):
    """The fit was made, and there is a reason to doubt it.

    Example:
        >>> from urnn.spectral.conditions import SpectralWarning
        >>> issubclass(SpectralWarning, UserWarning)
        True
    """


def warn(sentence: str) -> None:
    """As from whoever called `fit`.

    Example:
        >>> import warnings
        >>> from urnn.spectral.conditions import warn
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     warn("doubt these units")
        >>> print(caught[0].category.__name__, caught[0].message)
        SpectralWarning doubt these units
    """
    warnings.warn(sentence, SpectralWarning, stacklevel=4)


def require_sequences(x: Any, y: Any) -> None:
    """Raises unless both are arrays of sequences that belong together, by their shapes.

    Raises:
        TypeError: something without a shape.
        ValueError: shapes that do not fit.

    Example:
        >>> import torch
        >>> from urnn.spectral.conditions import require_sequences
        >>> require_sequences(torch.zeros(9, 4, 6), torch.zeros(9, 4, 5))
        >>> require_sequences(torch.zeros(9, 4, 6), torch.zeros(8, 4, 5))
        Traceback (most recent call last):
        ValueError: expected x (n, T, m) and y (n, T, dy), ... got x (9, 4, 6) and y (8, 4, 5)
    """
    for name, one in (("x", x), ("y", y)):
        if not hasattr(one, "shape"):
            raise TypeError(f"{name} must be an array or a tensor, got {type(one).__name__}")
    if len(x.shape) != 3 or len(y.shape) != 3 or tuple(x.shape[:2]) != tuple(y.shape[:2]):
        raise ValueError(
            f"expected x (n, T, m) and y (n, T, dy), n sequences of T time steps, got x {tuple(x.shape)} and "
            f"y {tuple(y.shape)}"
        )
    for name, one in (("x", x), ("y", y)):
        require_dense(name, one)
        if not one.shape[2]:
            raise ValueError(f"{name} must have at least one feature, got {tuple(one.shape)}")


def require_dense(name: str, values: Any) -> None:
    """Raises ValueError for a tensor that is sparse, or has no numbers.

    Example:
        >>> import torch
        >>> from urnn.spectral.conditions import require_dense
        >>> require_dense("x", torch.zeros(9, 4, 6, device="meta"))
        Traceback (most recent call last):
        ValueError: x must be a dense tensor with numbers in it, got one on the meta device
    """
    if isinstance(values, Tensor) and (values.is_meta or values.layout is not torch.strided):
        got = "one on the meta device" if values.is_meta else str(values.layout)
        raise ValueError(f"{name} must be a dense tensor with numbers in it, got {got}")


def alike(chunks: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """The chunks, once they are known to be pairs of sequences, all of one length and of the same features.

    Raises:
        TypeError: what is no pair, or of something without a shape.
        ValueError: shapes that do not fit.

    Example:
        >>> import torch
        >>> from urnn.spectral.conditions import alike
        >>> x, y = torch.zeros(9, 4, 6), torch.zeros(9, 4, 5)
        >>> len(list(alike([(x, y), (x[:3], y[:3])])))
        2
    """
    shapes: list[tuple[int, ...]] = []
    for number, chunk in enumerate(chunks):
        if not isinstance(chunk, tuple | list) or len(chunk) != 2:
            got = f"{type(chunk).__name__} of {len(chunk)}" if hasattr(chunk, "__len__") else type(chunk).__name__
            raise TypeError(f"expected chunk {number} as a pair (x, y), got a {got}")
        require_sequences(*chunk)
        shapes = shapes or [tuple(one.shape[1:]) for one in chunk]
        for name, one, expected in zip("xy", chunk, shapes, strict=True):
            if tuple(one.shape[1:]) != expected:
                raise ValueError(
                    f"expected {name} of chunk {number} as of the first, (n, {expected[0]}, {expected[1]}), got "
                    f"{tuple(one.shape)}"
                )
        yield chunk[0], chunk[1]


def require_finite(moments: Tensor) -> None:
    """Raises ValueError unless double precision holds them.

    Example:
        >>> import torch
        >>> from urnn.spectral.conditions import require_finite
        >>> require_finite(torch.tensor([torch.inf]))
        Traceback (most recent call last):
        ValueError: the moments are too large for double precision; scale the outputs y down, ...
    """
    if not moments.isfinite().all():
        raise ValueError(
            "the moments are too large for double precision; scale the outputs y down, and the inputs to a "
            "variance of 1"
        )


def numbers(name: str, values: Any) -> Tensor:
    """(n, T, features) -> (T, features, n) in float64.

    Raises:
        TypeError: something else than real numbers.
        ValueError: a number that is not finite.

    Example:
        >>> import numpy as np
        >>> from urnn.spectral.conditions import numbers
        >>> found = numbers("x", np.zeros((9, 4, 6), dtype=np.float32))
        >>> found.shape, found.dtype
        (torch.Size([4, 6, 9]), torch.float64)
    """
    if not isinstance(values, Tensor):
        array = np.asarray(values)
        if array.dtype.kind not in "iuf":
            raise TypeError(f"{name} must be real numbers, got {array.dtype}")
        values = torch.from_numpy(np.array(array, dtype=np.float64))
    if values.is_complex() or values.dtype == torch.bool:
        raise TypeError(f"{name} must be real numbers, got {values.dtype}")
    found = values.detach().permute(1, 2, 0).to("cpu", torch.float64).contiguous()
    if not found.isfinite().all():
        raise ValueError(f"{name} must be finite, and has NaN or infinity; leave those sequences out")
    return found


def require_sizes(hidden_size: int, units: int, size: int, outputs: int, length: int) -> None:
    """Raises ValueError unless outputs and steps can tell so many units.

    Example:
        >>> from urnn.spectral.conditions import require_sizes
        >>> require_sizes(hidden_size=3, units=3, size=6, outputs=5, length=4)
        >>> require_sizes(hidden_size=3, units=3, size=6, outputs=2, length=4)
        Traceback (most recent call last):
        ValueError: 3 hidden units (hidden_size 3) cannot be told from 2 outputs: ...
    """
    if units > outputs:
        both = f"2 x {hidden_size}, of both directions" if units > hidden_size else f"hidden_size {hidden_size}"
        raise ValueError(
            f"{units} hidden units ({both}) cannot be told from {outputs} outputs: this method reads h_t as "
            f"y_t pinv(A2), which needs at least as many outputs as units; lower hidden_size to at most "
            f"{outputs // (units // hidden_size)} or observe more outputs"
        )
    if units > size * (size + 1) // 2:
        raise ValueError(
            f"{units} hidden units cannot be told from {size} inputs: their products a_i a_i^T are dependent; "
            f"lower hidden_size"
        )
    if length < 2:
        raise ValueError(f"expected sequences of at least 2 time steps, or nothing tells U, got {length}")


def require_samples(samples: int, size: int) -> None:
    """Raises ValueError for fewer sequences than S_2 has entries.

    Example:
        >>> from urnn.spectral.conditions import require_samples
        >>> require_samples(21, size=6)
        >>> require_samples(20, size=6)
        Traceback (most recent call last):
        ValueError: expected at least 21 sequences, as many as S_2 of 6 inputs has entries, got 20; ...
    """
    least = max(size * (size + 1) // 2, 2)
    if samples < least:
        raise ValueError(
            f"expected at least {least} sequences, as many as S_2 of {size} inputs has entries, got {samples}; "
            "errors fall with the root of their number, and 10,000 are a beginning"
        )


def same_every_time(chunks: Callable[[], Iterable[Any]]) -> Callable[[], Iterator[Any]]:
    """The chunks with a check that every walk meets as many sequences.

    The walk raises ValueError when it ends, if it was shorter or longer than the first.

    Example:
        >>> import torch
        >>> from urnn.spectral.conditions import same_every_time
        >>> walk = same_every_time(lambda: [(torch.zeros(9, 4, 6), torch.zeros(9, 4, 5))])
        >>> [len(list(walk())), len(list(walk()))]
        [1, 1]
    """
    seen: list[int] = []

    def walk() -> Iterator[Any]:
        samples = 0
        for x, y in chunks():
            require_sequences(x, y)
            samples += len(x)
            yield x, y
        seen.append(samples)
        if samples != seen[0]:
            raise ValueError(
                f"the chunks held {seen[0]} sequences when first walked over and {samples} later; expected what "
                "gives the same chunks every time, such as a list, not a generator"
            )

    return walk


class ScoreMeans:
    """Whether inputs are of the distribution that a score is of: then all its means are 0.

    Looked at are S_1 to S_4 of every single number, S_2 of every two features of one step, and of a feature at two
    steps that follow each other. Chance allows each sum some standard deviations, and one number of those that are
    to be expected among so many.

    Example:
        >>> import torch
        >>> from urnn.spectral.conditions import ScoreMeans
        >>> from urnn.spectral.moments import Batch
        >>> from urnn.spectral.scores import IndependentGaussian
        >>> x = torch.randn(4, 6, 1000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        >>> means = ScoreMeans(IndependentGaussian(), torch.eye(4).double())
        >>> means.add(Batch(x, torch.zeros(4, 5, 1000), w=x))
        >>> means.verdict() is None
        True
    """

    def __init__(self, score: Gaussian, precision: Tensor) -> None:
        self.score, self.precision = score, precision
        self.samples = 0
        self.sums: dict[str, Tensor] = {}

    def add(self, batch: Batch) -> None:
        """The sums of one more batch."""
        self.samples += batch.samples
        scale = self.precision.diagonal().sqrt()
        z = batch.w / scale[:, None, None]
        squared, off = z.square(), ~torch.eye(z.shape[1], dtype=torch.bool)
        beside = self.precision.diagonal(1) / (scale[1:] * scale[:-1])
        found = {
            "S_1": z.sum(2),
            "S_2": (squared - 1).sum(2),
            "S_3": ((squared - 3) * z).sum(2),
            "S_4": ((squared - 6) * squared + 3).sum(2),
            "S_2 of two features of a step": (z @ z.transpose(1, 2))[:, off],
            "S_2 of two steps in a row": (z[1:] * z[:-1]).sum(2) - batch.samples * beside[:, None],
        }
        self.sums = {name: self.sums[name] + sums if self.sums else sums for name, sums in found.items()}

    def verdict(self) -> str | None:
        """What speaks most clearly against the distribution; None where chance is enough."""
        tests = sum(sums.numel() for sums in self.sums.values())
        deviations = NormalDist().inv_cdf(1 - FALSE_ALARM / (2 * tests))
        largest = NormalDist().inv_cdf(1 - FALSE_ALARM / (2 * self.samples * self.sums["S_1"].numel()))
        one = {"S_3": (largest**2 - 3) * largest, "S_4": (largest**2 - 6) * largest**2 + 3}
        variances = {"S_2": 2.0, "S_3": 6.0, "S_4": 24.0, "S_2 of two steps in a row": 2.0}
        found = []
        for name, sums in self.sums.items():
            if sums.numel():
                allowed = deviations * math.sqrt(variances.get(name, 1.0) * self.samples)
                allowed += one.get(name, largest**2)
                most = float(sums.abs().max())
                found.append((most / allowed, most / self.samples, name))
        ratio, mean, name = max(found)
        if ratio <= 1:
            return None
        return (
            f"the inputs are not of the distribution of {self.score!r}: the mean of {name} (of inputs scaled to "
            f"unit variance) should be 0 and is off by {mean:.2g}, {ratio:.1f} times what chance allows; scale "
            "them to mean 0 and variance 1 and choose the score that fits, or expect wrong weights"
        )
