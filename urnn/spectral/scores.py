"""Score functions of a sequence's density, S_m = (-1)^m grad^m p / p: what turns averages into derivatives.

By Stein's identity E[y S_m(x)] = E[grad^m y] for any smooth y(x), without a derivative of y ever being taken. For
a Gaussian with precision matrix Lam they are Hermite tensors in w = Lam x: S_1 = w, and every pair of indices may
be joined at the price of -Lam, S_2 = w w^T - Lam.

The features of one step are taken to be independent of each other and alike; steps depend on each other as the
covariance says.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from urnn.quantities import require_count
from urnn.shapes import Float
from urnn.spectral.data import require_rho

LETTERS = "abcdefgh"  # of the indices of a score


class Gaussian:
    """Sequences of one length whose steps have this covariance, in every feature; mean 0.

    Args:
        covariance: (T, T), symmetric and positive definite.

    Raises:
        TypeError: it is not of real numbers.
        ValueError: it is not such a matrix.

    Example:
        >>> import torch
        >>> from urnn.spectral import Gaussian
        >>> score = Gaussian(torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
        >>> score.precision(2)
        tensor([[ 1.3333, -0.6667],
                [-0.6667,  1.3333]], dtype=torch.float64)
        >>> score(torch.randn(10, 2, 3), steps=[0, 1]).shape
        torch.Size([10, 3, 3])
    """

    def __init__(self, covariance: Float[Tensor, "T T"]) -> None:
        covariance = _real("covariance", covariance)
        if not covariance.isfinite().all() or not covariance.numel():
            raise ValueError("covariance must be finite, of one step or more")
        square = covariance.dim() == 2 and covariance.shape[0] == covariance.shape[1]
        if not square or not torch.allclose(covariance, covariance.T):
            raise ValueError(
                f"covariance must be a symmetric matrix of T rows and columns, got {tuple(covariance.shape)}"
                + (" that is not symmetric" if square else "")
            )
        if not bool(torch.linalg.eigvalsh(covariance).min() > 0):
            raise ValueError("covariance must be positive definite, and has an eigenvalue of 0 or below")
        self.covariance = covariance

    @classmethod
    def matched(cls, x: Float[Tensor, "n T m"]) -> "Gaussian":
        """The one that score matching finds for these inputs, whose second moments are theirs.

        Among Gaussians of mean 0, E|score - score of the data|^2 is least for the precision that is the inverse of
        the second moments.

        Raises:
            TypeError, ValueError: x that is no such array of finite numbers, or too few sequences.
        """
        x = _sequences(x)
        if x.shape[0] * x.shape[2] < x.shape[1] or not x.isfinite().all():
            raise ValueError(
                f"expected finite x (n, T, m) with n m of at least T, or their covariance has no inverse, got x "
                f"{tuple(x.shape)}" + ("" if x.isfinite().all() else " with NaN or infinity")
            )
        return cls(torch.einsum("ntd,nsd->ts", x, x) / (x.shape[0] * x.shape[2]))

    def precision(self, length: int) -> Float[Tensor, "T T"]:
        """Lam, of sequences of so many steps.

        Raises:
            ValueError: another length than the covariance's.
        """
        if length != len(self.covariance):
            raise ValueError(
                f"the score is of sequences of {len(self.covariance)} time steps, got {length}; build one of "
                "their covariance"
            )
        return torch.linalg.inv(self.covariance)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(covariance of {len(self.covariance)} steps)"

    def __call__(self, x: Float[Tensor, "n T m"], steps: Sequence[int]) -> Tensor:
        """S_m, differentiated with respect to x at each of these m steps: (n, m, ..., m).

        [t] is S_1(x_t), [t, t] is S_2(x_t), [t, s, s] the cross term S_{1,2}(x_t, x_s), [t] * 4 is S_4(x_t).

        Raises:
            TypeError, ValueError: x that is no such array, or steps that it has not.
        """
        x = _sequences(x)
        samples, length, size = x.shape
        if len(steps) > len(LETTERS):
            raise ValueError(f"expected at most {len(LETTERS)} steps, got {len(steps)}")
        for step in steps:
            require_count("a step", step, 0, length - 1)
        between = self.precision(length)
        w = between @ x
        identity = torch.eye(size, dtype=torch.float64)
        letters = LETTERS[: len(steps)]
        total = torch.zeros(samples, *[size] * len(steps), dtype=torch.float64)
        for pairs in _matchings(range(len(steps))):
            single = sorted(set(range(len(steps))) - {one for pair in pairs for one in pair})
            factors = [w[:, steps[one]] for one in single] + [torch.ones(samples, dtype=torch.float64)]
            factors += [-between[steps[one], steps[other]] * identity for one, other in pairs]
            terms = [f"n{letters[one]}" for one in single] + ["n"]
            terms += [letters[one] + letters[other] for one, other in pairs]
            total += torch.einsum(f"{','.join(terms)}->n{letters}", *factors)
        return total


class IndependentGaussian(Gaussian):
    """Every number of a sequence from N(0, 1), independent of all others; of any length.

    Example:
        >>> from urnn.spectral import IndependentGaussian
        >>> IndependentGaussian()
        IndependentGaussian()
    """

    def __init__(self) -> None:
        pass

    def precision(self, length: int) -> Float[Tensor, "T T"]:
        return torch.eye(length, dtype=torch.float64)

    def __repr__(self) -> str:
        return "IndependentGaussian()"


class AutoregressiveGaussian(Gaussian):
    """x_t = rho x_{t-1} + noise, with unit variance at every step; of any length.

    With s2 = 1 - rho^2, Lam is (1 + rho^2)/s2 on the diagonal, 1/s2 at both its ends, and -rho/s2 beside it.

    Raises:
        TypeError, ValueError: rho that is no number inside (-1, 1).

    Example:
        >>> from urnn.spectral import AutoregressiveGaussian
        >>> AutoregressiveGaussian(0.3)
        AutoregressiveGaussian(0.3)
    """

    def __init__(self, rho: float) -> None:
        self.rho = require_rho(rho)

    def precision(self, length: int) -> Float[Tensor, "T T"]:
        rho, ones = self.rho, torch.ones(length, dtype=torch.float64)
        diagonal = (1 + rho**2) * ones
        diagonal[0] = diagonal[-1] = 1.0
        if length == 1:
            return torch.eye(1, dtype=torch.float64)
        beside = torch.diag(-rho * ones[1:], 1)
        return (torch.diag(diagonal) + beside + beside.T) / (1 - rho**2)

    def __repr__(self) -> str:
        return f"AutoregressiveGaussian({self.rho:g})"


def _real(name: str, values: object) -> Tensor:
    try:
        found = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} must be an array of real numbers, got {type(values).__name__}") from None
    if found.is_complex() or found.dtype == torch.bool:
        raise TypeError(f"{name} must be an array of real numbers, got {found.dtype}")
    return found.double()


def _sequences(x: object) -> Tensor:
    found = _real("x", x)
    if found.dim() != 3 or not found.shape[1]:
        raise ValueError(f"expected x (n, T, m) with T of at least 1, got {tuple(found.shape)}")
    return found


def _matchings(free: Sequence[int]) -> Iterator[list[tuple[int, int]]]:
    """Every set of disjoint pairs of these, the empty one included."""
    if not free:
        yield []
        return
    first, *rest = free
    yield from _matchings(rest)
    for other in rest:
        left = [one for one in rest if one != other]
        yield from ([(first, other), *pairs] for pairs in _matchings(left))
