"""T = 2 sum_i A2_i (x) a_i (x) a_i taken apart into its components: a CP decomposition, symmetric in two modes.

Ours instead of a library's. An alternating method for any tensor (tensorly's `parafac`) treats the two equal modes
as different ones, weighs all entries alike and knows no standard errors. Here the modes are one, each entry counts
by its standard error, and the errors of the components follow: what says whether they were separated.
docs/spectral.md has both measured.

Starts come from simultaneous diagonalisation: of two random sums of slices, A^T D A and A^T E A, the one times
the other's inverse has the components as eigenvectors. The best starts are polished by Levenberg-Marquardt.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from urnn.shapes import Float

POLISHED = 2  # of the starts, the best
MOST_STEPS = 60
ENOUGH = 1e-10  # relative decrease of the squares at which a step is the last

Point = tuple[Tensor, Tensor]  # A1, A2


@dataclass(frozen=True)
class Components:
    """What a tensor (dy, m, m) is made of.

    Attributes:
        A1: (k, m), rows of unit norm whose signs are free.
        A2: (k, dy).
        residual: norm of what is left of the tensor, relative to its own.
        misfit: root mean square of what is left, in standard errors, for each free entry: 1 where the tensor is
            of so many components. NaN without standard errors.
        errors: (k,) the standard error of each row of A1, as an angle; NaN without standard errors.

    Example:
        >>> import torch
        >>> from urnn.spectral.decomposition import Components, decompose
        >>> found = decompose(torch.eye(3).double()[None], rank=3)
        >>> isinstance(found, Components), found.A1.shape, found.A2.shape, found.misfit
        (True, torch.Size([3, 3]), torch.Size([3, 1]), nan)
    """

    A1: Tensor
    A2: Tensor
    residual: float
    misfit: float
    errors: Tensor


class Symmetric:
    """The upper triangles of symmetric matrices as vectors, and back.

    Example:
        >>> import torch
        >>> from urnn.spectral.decomposition import Symmetric
        >>> pairs, matrix = Symmetric(2), torch.tensor([[1.0, 2.0], [2.0, 3.0]])
        >>> pairs.take(matrix), len(pairs)
        (tensor([1., 2., 3.]), 3)
        >>> torch.equal(pairs.matrix(pairs.take(matrix)), matrix)
        True
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.row, self.column = torch.triu_indices(size, size)

    def __len__(self) -> int:
        return len(self.row)

    def take(self, matrices: Tensor) -> Tensor:
        """(..., size, size) -> (..., entries)."""
        return matrices[..., self.row, self.column]

    def matrix(self, entries: Tensor) -> Tensor:
        """(..., entries) -> (..., size, size)."""
        found = entries.new_zeros(*entries.shape[:-1], self.size, self.size)
        found[..., self.row, self.column] = entries
        found[..., self.column, self.row] = entries
        return found

    def squares(self, rows: Tensor) -> Tensor:
        """(k, size) -> (k, entries), those of a_i a_i^T."""
        return rows[:, self.row] * rows[:, self.column]


def decompose(
    tensor: Float[Tensor, "outputs m m"],
    rank: int,
    *,
    errors: Float[Tensor, "outputs m m"] | None = None,
    starts: int = 20,
    seed: int = 0,
    near: Point | None = None,
) -> Components:
    """The components of a tensor that is symmetric in its last two modes; the largest first.

    Args:
        errors: standard errors of the entries, all above 0.
        near: A1 and A2 to begin with instead of any other start; their order and signs are kept.

    Example:
        >>> import torch
        >>> from urnn.spectral.decomposition import decompose
        >>> A1, A2 = torch.eye(3)[:2].double(), torch.tensor([[3.0, 0.0], [0.0, 1.0]]).double()
        >>> found = decompose(2 * torch.einsum("ko,ki,kj->oij", A2, A1, A1), rank=2)
        >>> found.A1.abs().round(decimals=6), found.A2.round(decimals=6)
        (tensor([[1., 0., 0.],
                [0., 1., 0.]], dtype=torch.float64), tensor([[3., 0.],
                [0., 1.]], dtype=torch.float64))
    """
    size = float(tensor.abs().max()) or 1.0  # A2 as large as the rows of A1, whatever the outputs' unit is
    tensor = tensor / size
    fit = _Fit(tensor, None if errors is None else errors / size, size)
    if near is not None:
        return fit.components(fit.polished(near[0], near[1] / size))
    generator = torch.Generator().manual_seed(seed)
    begun = [fit.begun(_start(tensor, rank, generator)) for _ in range(max(starts, 1))]
    begun.sort(key=fit.squares)
    rows, outputs = min((fit.polished(*one) for one in begun[:POLISHED]), key=fit.squares)
    order = outputs.norm(dim=1).argsort(descending=True)
    return fit.components((rows[order], outputs[order]))


def _start(tensor: Tensor, rank: int, generator: torch.Generator) -> Tensor:
    """Rows of unit norm, (rank, m)."""
    outputs, size, _ = tensor.shape
    rows = torch.randn(rank, size, dtype=tensor.dtype, generator=generator)
    if rank <= min(size, outputs):
        unfolded = tensor.reshape(outputs * size, size)
        space = torch.linalg.eigh(unfolded.T @ unfolded).eigenvectors[:, -rank:]
        weights = torch.randn(2, outputs, dtype=tensor.dtype, generator=generator)
        one, other = torch.einsum("wo,oij,ia,jb->wab", weights, tensor, space, space)
        ratio = torch.linalg.lstsq(other, one, driver="gelsd").solution.T  # (A D1 A^T) (A D2 A^T)^-1
        if ratio.isfinite().all():
            rows = (space @ torch.linalg.eig(ratio).eigenvectors.real).T
    return torch.nn.functional.normalize(rows, dim=1, eps=1e-30)


class _Fit:
    """Weighted least squares of A1 and A2 to the tensor's upper triangles; it comes divided by its size."""

    def __init__(self, tensor: Tensor, errors: Tensor | None, size: float = 1.0) -> None:
        self.size = size
        self.pairs = Symmetric(tensor.shape[1])
        self.target = self.pairs.take(tensor)
        self.known = errors is not None
        if errors is None:  # each off-diagonal entry stands for two
            both = torch.where(self.pairs.row == self.pairs.column, 1.0, math.sqrt(2)).to(tensor.dtype)
            self.weights = both.expand_as(self.target)
        else:
            self.weights = 1 / self.pairs.take(errors)

    def left(self, point: Point) -> Tensor:
        """(outputs, entries), weighted."""
        rows, outputs = point
        return self.weights * (self.target - 2 * outputs.T @ self.pairs.squares(rows))

    def squares(self, point: Point) -> float:
        return float(self.left(point).square().sum())

    def begun(self, rows: Tensor) -> Point:
        """The best A2 for these rows."""
        factors = self.weights[:, :, None] * 2 * self.pairs.squares(rows).T
        found = torch.linalg.lstsq(factors, (self.weights * self.target)[:, :, None], driver="gelsd").solution
        return rows, found[:, :, 0].T

    def jacobian(self, point: Point) -> Tensor:
        """Of the weighted model, (outputs * entries, k * (m + outputs)), and k rows that keep norms."""
        rows, outputs = point
        (rank, size), number = rows.shape, outputs.shape[1]
        row, column = self.pairs.row, self.pairs.column
        place = torch.arange(len(self.pairs))
        of_rows = rows.new_zeros(rank, size, len(self.pairs))
        of_rows[:, row, place] += rows[:, column]
        of_rows[:, column, place] += rows[:, row]
        first = 2 * torch.einsum("ko,kme,oe->oekm", outputs, of_rows, self.weights).flatten(2).flatten(0, 1)
        second = rows.new_zeros(number, len(self.pairs), rank, number)
        own = torch.arange(number)
        second[own, :, :, own] = 2 * self.weights[:, :, None] * self.pairs.squares(rows).T
        whole = torch.cat([first, second.flatten(2).flatten(0, 1)], dim=1)
        norms = rows.new_zeros(rank, rank, size)
        norms[torch.arange(rank), torch.arange(rank)] = rows * whole.norm(dim=0).max()
        return torch.cat([whole, torch.cat([norms.flatten(1), rows.new_zeros(rank, rank * number)], dim=1)])

    def polished(self, rows: Tensor, outputs: Tensor) -> Point:
        """The nearest minimum, by Levenberg-Marquardt."""
        point, damping = (rows, outputs), 1e-3
        least = self.squares(point)
        for _ in range(MOST_STEPS):
            jacobian = self.jacobian(point)
            left = torch.cat([self.left(point).flatten(), rows.new_zeros(len(rows))])
            gram, slope = jacobian.T @ jacobian, jacobian.T @ left
            scale = gram.diagonal() + 1e-12 * gram.diagonal().max()
            while damping < 1e12:
                factor, failed = torch.linalg.cholesky_ex(gram + torch.diag(damping * scale))
                step = torch.cholesky_solve(slope[:, None], factor)[:, 0]
                tried = self._moved(point, step)
                found = self.squares(tried)
                if not failed and found <= least:
                    break
                damping *= 10
            else:
                return point
            gained, point, least, damping = least - found, tried, found, damping / 10
            if gained <= ENOUGH * least:
                return point
        return point

    def _moved(self, point: Point, step: Tensor) -> Point:
        rows, outputs = point
        rows = rows + step[: rows.numel()].view_as(rows)
        norms = rows.norm(dim=1, keepdim=True)
        return rows / norms, (outputs + step[rows.numel() :].view_as(outputs)) * norms.square()

    def components(self, point: Point) -> Components:
        """The point as what was found, with its errors."""
        rows, outputs = point
        plain = self.target - 2 * outputs.T @ self.pairs.squares(rows)
        residual = self.pairs.matrix(plain).norm() / self.pairs.matrix(self.target).norm()
        misfit, errors = math.nan, torch.full((len(rows),), math.nan, dtype=rows.dtype)
        if self.known:
            free = max(self.target.numel() - rows.numel() - outputs.numel() + len(rows), 1)
            misfit = math.sqrt(self.squares((rows, outputs)) / free)
            jacobian = self.jacobian((rows, outputs))
            errors = _variances(jacobian)[: rows.numel()].view_as(rows).sum(1).sqrt()
        return Components(rows, self.size * outputs, float(residual), misfit, errors)


def _variances(jacobian: Tensor) -> Tensor:
    """Of the parameters of a fit by weighted least squares; infinite where they can move without a change of it.

    Parameters of several sizes are brought to one first, or the small ones would seem to be such.
    """
    scale = jacobian.norm(dim=0).clamp(min=torch.finfo(jacobian.dtype).tiny)
    scaled = jacobian / scale
    values, vectors = torch.linalg.eigh(scaled.T @ scaled)
    eps = torch.finfo(values.dtype).eps
    free = values <= len(values) * eps * values.max()
    known = (vectors[:, ~free].square() / values[~free]).sum(1) / scale.square()
    return known.masked_fill(vectors[:, free].square().sum(1) > eps**0.5, torch.inf)
