"""Parametrizations of an orthogonal matrix whose derivatives cost no more than a few matrix products.

Values, state dicts and meaning are those of `torch.nn.utils.parametrizations.orthogonal`. torch has the derivative
of its matrix exponential from the exponential of a matrix of twice the size, and that of its Householder product
from a loop over the reflections; at n = 128 either took longer than a hundred time steps there and back.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import orthogonal

from urnn.backends.transforms import watched
from urnn.layer import without_autocast
from urnn.shapes import Float

ORTHOGONAL_MAPS = ("matrix_exp", "cayley", "householder")

DEGREE, ROWS = 16, 4


def exponential(A: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:  # noqa: N803 - matrices
    """exp(A) of a real skew-symmetric A: an orthogonal matrix, with every derivative.

    A Taylor polynomial of degree 16 in six products (Paterson, Stockmeyer 1973), and squarings. A is normal, so
    its spectral norm, which says how many, is at most the fourth root of any norm of its fourth power.

    Example:
        >>> import torch
        >>> from urnn.baselines.orthogonal_maps import exponential
        >>> exponential(torch.tensor([[0.0, -torch.pi], [torch.pi, 0.0]])).round(decimals=5) + 0.0
        tensor([[-1.,  0.],
                [ 0., -1.]])
    """
    if not A.is_cpu or watched():  # how many squarings is a question that waits for a GPU, and no graph can ask
        return torch.linalg.matrix_exp(A)
    with without_autocast("cpu"):
        return _exponential(A)


def _exponential(A: Tensor) -> Tensor:  # noqa: N803
    A_2 = A @ A  # noqa: N806
    A_4 = A_2 @ A_2  # noqa: N806
    squarings = _squarings(float(A_4.detach().abs().sum(0).max()) ** 0.25, A.dtype)
    if squarings:
        A, A_2, A_4 = (P * 0.5 ** (squarings * power) for P, power in ((A, 1), (A_2, 2), (A_4, 4)))  # noqa: N806
    eye = torch.eye(len(A), dtype=A.dtype)
    coefficients = [1 / math.factorial(k) for k in range(DEGREE)]
    rows = torch.tensor(coefficients, dtype=A.dtype).view(ROWS, -1)
    *lower, highest = torch.tensordot(rows, torch.stack([eye, A, A_2, A_2 @ A]), 1).unbind()
    found = torch.add(highest, A_4, alpha=1 / math.factorial(DEGREE))
    for row in reversed(lower):
        found = torch.addmm(row, found, A_4)
    for _ in range(squarings):
        found = found @ found
    return found


def _squarings(norm: float, dtype: torch.dtype) -> int:
    """How often to halve a matrix of that spectral norm until the polynomial is exact to rounding."""
    exact = (torch.finfo(dtype).eps / 2 * math.factorial(DEGREE + 1)) ** (1 / (DEGREE + 1))
    return math.ceil(math.log2(norm / exact)) if exact < norm < math.inf else 0  # NaN stays NaN


def reflected(A: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:  # noqa: N803
    """The product of n reflections I - 2 v v^T / |v|^2, each v a column of A below its diagonal and 1 on it.

    It is I - V U^-1 V^T, U the upper triangle of V^T V with half its diagonal (Joffrain et al. 2006, ACM TOMS 32).

    Example:
        >>> import torch
        >>> from urnn.baselines.orthogonal_maps import reflected
        >>> reflected(torch.zeros(2, 2)) + 0.0
        tensor([[-1.,  0.],
                [ 0., -1.]])
    """
    eye = torch.eye(len(A), dtype=A.dtype, device=A.device)
    V = A.tril(-1) + eye  # noqa: N806
    gram = V.mT @ V
    U = gram.triu(1) + 0.5 * gram.diagonal().diag()  # noqa: N806
    return eye - V @ torch.linalg.solve_triangular(U, V.mT, upper=True)


class _FromBase(nn.Module):
    """An orthogonal matrix: a base, which is the last one that was assigned, times a map of the parameter X."""

    base: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("base", None)

    def forward(self, X: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:  # noqa: N803
        with without_autocast(X.device.type):
            return self.base @ self.mapped(X)

    def mapped(self, X: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:  # noqa: N803
        """An orthogonal matrix; the identity for X = -I."""
        raise NotImplementedError

    @torch.no_grad()
    def right_inverse(self, Q: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:  # noqa: N803
        eye = torch.eye(len(Q), dtype=Q.dtype, device=Q.device)
        is_orthogonal = bool((Q.mT @ Q - eye).abs().max() <= 10 * len(Q) * torch.finfo(Q.dtype).eps)
        self.base = Q.clone() if is_orthogonal else torch.linalg.qr(Q)[0]
        return -eye


class SkewExponential(_FromBase):
    """exp(L - L^T), L the part of X below its diagonal.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from torch.nn.utils import parametrize
        >>> from urnn.baselines.orthogonal_maps import SkewExponential
        >>> linear = nn.Linear(2, 2, bias=False)
        >>> _ = nn.init.eye_(linear.weight)
        >>> _ = parametrize.register_parametrization(linear, "weight", SkewExponential(), unsafe=True)
        >>> linear.weight.detach()
        tensor([[1., 0.],
                [0., 1.]])
    """

    def mapped(self, X: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:  # noqa: N803
        below = X.tril(-1)
        return exponential(below - below.mT)


class Reflections(_FromBase):
    """`reflected(X)`, with columns of the signs on X's diagonal.

    Example:
        >>> import torch
        >>> from urnn.baselines.orthogonal_maps import Reflections
        >>> Reflections().mapped(-torch.eye(2)) + 0.0
        tensor([[1., 0.],
                [0., 1.]])
    """

    def mapped(self, X: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:  # noqa: N803
        return reflected(X) * X.diagonal().int()


def parametrize_orthogonally(linear: nn.Linear, orthogonal_map: str) -> None:
    """Makes a square weight orthogonal by one of `ORTHOGONAL_MAPS`.

    Raises:
        ValueError: there is no such map.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.baselines.orthogonal_maps import parametrize_orthogonally
        >>> linear = nn.Linear(3, 3)
        >>> parametrize_orthogonally(linear, "householder")
        >>> torch.allclose(linear.weight @ linear.weight.mT, torch.eye(3), atol=1e-5)
        True
    """
    if orthogonal_map not in ORTHOGONAL_MAPS:
        raise ValueError(f"orthogonal_map must be one of {ORTHOGONAL_MAPS}, got {orthogonal_map!r}")
    nn.init.orthogonal_(linear.weight)  # what a map starts from; nn.Linear's own first weight is not orthogonal
    if orthogonal_map == "cayley":
        orthogonal(linear, orthogonal_map=orthogonal_map)
    else:
        made = SkewExponential() if orthogonal_map == "matrix_exp" else Reflections()
        parametrize.register_parametrization(linear, "weight", made, unsafe=True)
