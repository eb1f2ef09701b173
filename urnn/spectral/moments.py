"""Averages over sequences of what outputs and score functions say together, a batch at a time.

Every pass takes what the net so far predicts out of the outputs, and adds the derivatives of that net, which are
known without an average. What is left of the outputs varies less, and so does its average: the estimates stay as
unbiased as those of the plain outputs.

A batch lies as (T, features, n), so that every product of features runs over neighbours in memory; nothing that is
kept grows with the number of sequences. Errors come from the spread over batches.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from urnn.shapes import Float
from urnn.spectral.decomposition import Symmetric
from urnn.spectral.quadratic import QuadraticRNN


class Mean:
    """A mean over sequences of what batches give, with its standard error from the batches' spread.

    Example:
        >>> import torch
        >>> from urnn.spectral.moments import Mean
        >>> mean = Mean()
        >>> mean.add(torch.tensor(1.0), samples=100)
        >>> mean.add(torch.tensor(4.0), samples=200)
        >>> mean.value
        tensor(3., dtype=torch.float64)
    """

    def __init__(self) -> None:
        self.samples = self.batches = 0
        self.weight = 0
        self.total = self.weighted = self.squares = torch.zeros((), dtype=torch.float64)

    def add(self, value: Tensor, samples: int) -> None:
        """The mean over one batch of so many sequences."""
        self.samples += samples
        self.batches += 1
        self.total = self.total + samples * value
        self.weighted = self.weighted + samples**2 * value
        self.squares = self.squares + samples**2 * value.square()
        self.weight += samples**2

    @property
    def value(self) -> Tensor:
        return self.total / self.samples

    @property
    def error(self) -> Tensor:
        """Standard error of each entry, above 0 even where batches agree, so that it can divide."""
        spread = self.squares - 2 * self.value * self.weighted + self.value.square() * self.weight
        unbiased = self.batches / max(self.batches - 1, 1)
        error = (unbiased * spread.clamp(min=0)).sqrt() / self.samples
        return error.clamp(min=max(float(error.max()) * 1e-6, torch.finfo(error.dtype).tiny ** 0.5))

    def over_steps(self) -> tuple[Tensor, Tensor]:
        """Of a (steps, ...), the mean over steps and its standard error.

        A step counts by its precision. A net's last steps in a direction are polynomials of a high degree, whose
        rare huge values would drown those of all others.
        """
        squared = self.error.square().flatten(1).mean(1)
        weights = (1 / squared).div((1 / squared).sum())
        return (
            torch.einsum("t,t...->...", weights, self.value),
            torch.einsum("t,t...->...", weights.square(), self.error.square()).sqrt(),
        )


@dataclass(frozen=True)
class Batch:
    """Outputs and the score's w = Lam x of some sequences: y (T, dy, n), x and w (T, m, n).

    Example:
        >>> import torch
        >>> from urnn.spectral.moments import Batch
        >>> x = torch.randn(4, 6, 100)
        >>> Batch(x, y=torch.zeros(4, 5, 100), w=x).samples
        100
    """

    x: Tensor
    y: Tensor
    w: Tensor

    @property
    def samples(self) -> int:
        return self.x.shape[2]


class Left:
    """Outputs without what a net predicts, and without their mean, which is that of the first batch.

    Example:
        >>> import torch
        >>> from urnn.spectral.moments import Batch, Left
        >>> x = torch.randn(4, 6, 100)
        >>> Left(None).of(Batch(x, y=torch.ones(4, 5, 100), w=x)).abs().max()
        tensor(0.)
    """

    def __init__(self, net: QuadraticRNN | None) -> None:
        self.net = net
        self.centre: Tensor | None = None
        self.squares = Mean()

    @torch.no_grad()
    def of(self, batch: Batch) -> Float[Tensor, "T outputs n"]:
        """(T, dy, n)."""
        left = batch.y
        if self.net is not None:
            left = left - self.net(batch.x.transpose(1, 2)).transpose(1, 2)
        if self.centre is None:
            self.centre = left.mean(2, keepdim=True)
        left = left - self.centre
        self.squares.add(left.square().mean(), batch.samples)
        return left


class Curvature:
    """E[y_t (x) S_2(x_t)], a mean over steps: 2 sum_i A2_i (x) a_i (x) a_i.

    Example:
        >>> import torch
        >>> from urnn.spectral.moments import Batch, Curvature
        >>> x = torch.randn(4, 6, 100).double()
        >>> curvature = Curvature(torch.eye(4), size=6)
        >>> curvature.add(Batch(x, y=x[:, :5], w=x), left=x[:, :5])
        >>> [one.shape for one in curvature.tensor(None)]
        [torch.Size([5, 6, 6]), torch.Size([5, 6, 6])]
    """

    def __init__(self, precision: Tensor, size: int) -> None:
        self.pairs, self.precision = Symmetric(size), precision
        self.mean = Mean()

    def add(self, batch: Batch, left: Tensor) -> None:
        """left: (T, dy, n)."""
        found, own = [], self.pairs.row == self.pairs.column
        for t, (w, y) in enumerate(zip(batch.w, left, strict=True)):
            scores = w[self.pairs.row] * w[self.pairs.column]
            scores[own] -= self.precision[t, t]
            found.append(y @ scores.T)
        self.mean.add(torch.stack(found) / batch.samples, batch.samples)

    def tensor(self, net: QuadraticRNN | None) -> tuple[Tensor, Tensor]:
        """(dy, m, m) and its standard errors, with what was taken out of the outputs put back."""
        value, error = self.mean.over_steps()
        found = self.pairs.matrix(value)
        if net is not None:
            with torch.no_grad():
                found = found + 2 * torch.einsum("ko,ki,kj->oij", net.A2, net.A1, net.A1)
        return found, self.pairs.matrix(error)


@dataclass
class Recurrence:
    """What hidden units say together with scores of the step before (offset -1) or after (offset 1).

    With e the hidden units that the outputs give, A1 of unit rows and C = (A1 A1^T)^2 elementwise,

        E[e_i S_{1,2}(x_t, x_s)] = 4 a_i (x) M_i,    along (a_i; a_l, a_l): 4 (U C)_il
        E[e_i S_4(x_s)] = 8 times the three pairings of M_i (x) M_i

    with M_i = sum_j U_ij a_j a_j^T. The first is linear in U. Contracting with a_i instead of a dual vector is the
    least-squares solution, which has the smallest variance where noise is alike in all entries.

    Example:
        >>> import torch
        >>> from urnn.spectral.moments import Recurrence
        >>> side = Recurrence(torch.eye(4).double(), torch.eye(3).double(), offset=-1, fourth=False)
        >>> side.add(torch.randn(4, 3, 100).double(), hidden=torch.randn(4, 3, 100).double())
        >>> [one.shape for one in side.matrix(None)]
        [torch.Size([3, 3]), torch.Size([3, 3])]
    """

    precision: Tensor
    A1: Tensor
    offset: int
    fourth: bool
    mixed: Mean = field(default_factory=Mean)
    quartic: Mean = field(default_factory=Mean)

    def __post_init__(self) -> None:
        self.gram = self.A1 @ self.A1.T
        self.pairs = Symmetric(len(self.A1))

    def add(self, projected: Tensor, hidden: Tensor) -> None:
        """projected: A1 w, (T, k, n); hidden: e, (T, k, n)."""
        length, _, samples = hidden.shape
        steps = range(1, length) if self.offset == -1 else range(length - 1)
        mixed, quartic = [], []
        for t in steps:
            s = t + self.offset
            own, across = float(self.precision[s, s]), float(self.precision[t, s])
            here, there, e = projected[t], projected[s], hidden[t]
            both = (e * here) @ (there.square() - own * self.gram.diagonal()[:, None]).T
            mixed.append(both - 2 * across * self.gram * (e @ there.T))
            if self.fourth:
                quartic.append(e @ self._fourth_scores(there, own).T)
        self.mixed.add(torch.stack(mixed) / samples, samples)
        if self.fourth:
            self.quartic.add(torch.stack(quartic) / samples, samples)

    def _fourth_scores(self, p: Tensor, own: float) -> Tensor:
        """S_4 along (a_j, a_j, a_l, a_l) for every pair: (pairs, n)."""
        row, column, gram = self.pairs.row, self.pairs.column, self.gram
        one, other = p[row], p[column]
        between = gram[row, column][:, None]
        squared, product = p.square(), one * other
        crossed = gram[row, row][:, None] * squared[column] + gram[column, column][:, None] * squared[row]
        constant = gram[row, row][:, None] * gram[column, column][:, None] + 2 * between.square()
        return product.square() - own * (crossed + 4 * between * product) + own**2 * constant

    def matrix(self, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """U by mixed moments, (k, k), and its standard errors; `before` is the U that was taken out."""
        inverse = torch.linalg.pinv(self.gram.square(), hermitian=True)
        value, error = self.mixed.over_steps()
        found = value @ inverse / 4
        error = (error.square() @ inverse.square()).sqrt() / 4
        return (found if before is None else found + before), error

    def outer_products(self) -> Tensor:
        """U_i U_i^T for every row i by fourth moments, (k, k, k), by least squares over all pairs."""
        g, row, column = self.gram.square(), self.pairs.row, self.pairs.column
        k = len(g)
        aligned = torch.einsum("jl,km->jklm", g, g)
        crossed = torch.einsum("jl,kl,jm,km->jklm", *[self.gram] * 4)
        whole = 8 * (aligned + 2 * crossed)
        whole = (whole + whole.transpose(2, 3)) / torch.where(torch.eye(k, dtype=torch.bool), 2.0, 1.0)
        system = whole[row, column][:, row, column]
        solved = torch.linalg.lstsq(system, self.quartic.over_steps()[0].T, driver="gelsd").solution.T
        return self.pairs.matrix(solved)


def rows_of(outer: Float[Tensor, "k j j"], signs: Float[Tensor, "k j"]) -> Float[Tensor, "k j"]:
    """U_i from U_i U_i^T, the top eigenvector times the root of its eigenvalue, of the sign that fits `signs`.

    Example:
        >>> import torch
        >>> from urnn.spectral.moments import rows_of
        >>> rows = torch.tensor([[3.0, -4.0], [1.0, 2.0]])
        >>> torch.allclose(rows_of(torch.einsum("kj,kl->kjl", rows, rows), signs=rows), rows, atol=1e-5)
        True
    """
    values, vectors = torch.linalg.eigh(outer)
    rows = vectors[..., -1] * values[..., -1].clamp(min=0).sqrt()[:, None]
    return rows * torch.where((rows * signs).sum(1, keepdim=True) < 0, -1.0, 1.0)
