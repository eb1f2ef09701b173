"""Which hidden units read forward and which backward, from what each takes from the step before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from urnn.spectral.moments import Recurrence, rows_of
from urnn.spectral.quadratic import QuadraticRNN

DOUBTFUL = 3.0  # standard errors below which a unit's direction is no more than a guess


@dataclass(frozen=True)
class Recurrent:
    """What was learned of recurrence.

    Attributes:
        order: the units as they were numbered before, forward ones first.
        matrices: U, and V where there are two directions; in the new order.
        wrong: the largest entry of a unit on the side that it does not read; None for one direction.
        doubtful: units, in the new order, whose direction is a guess.

    Example:
        >>> import torch
        >>> from urnn.spectral.directions import Recurrent
        >>> found = Recurrent(order=torch.arange(3), matrices=(torch.eye(3),))
        >>> found.wrong is None, found.doubtful
        (True, ())
    """

    order: Tensor
    matrices: tuple[Tensor, ...]
    wrong: float | None = None
    doubtful: tuple[int, ...] = ()


def recurrent(sides: Sequence[Recurrence], taken: QuadraticRNN | None) -> Recurrent:
    """U, or U and V, from the moments of one side or of both.

    Args:
        taken: the net whose predictions were taken out of the outputs, if it had a recurrence.

    Example:
        >>> import torch
        >>> from urnn.spectral.directions import recurrent
        >>> from urnn.spectral.moments import Recurrence
        >>> side = Recurrence(torch.eye(4).double(), torch.eye(3).double(), offset=-1, fourth=False)
        >>> side.add(torch.randn(4, 3, 100).double(), hidden=torch.zeros(4, 3, 100).double())
        >>> recurrent([side], None).matrices[0].abs().max()  # hidden units that are always 0 take nothing
        tensor(0., dtype=torch.float64)
    """
    known = [None] * len(sides) if taken is None else _blocks(taken)
    found = [side.matrix(one) for side, one in zip(sides, known, strict=True)]
    units = len(found[0][0])
    wrong: float | None = None
    doubtful: tuple[int, ...] = ()
    if len(sides) == 1:
        order = torch.arange(units)
    else:
        order, doubtful = _order(found)
        wrong = _wrong([matrix[order][:, order] for matrix, _ in found])
    matrices, k = [], units // len(sides)
    for number, (side, (matrix, _)) in enumerate(zip(sides, found, strict=True)):
        own = order[number * k : (number + 1) * k]
        block = matrix[own][:, own]
        if side.fourth:
            block = rows_of(side.outer_products()[own][:, own][:, :, own], block)
        matrices.append(block)
    return Recurrent(order, tuple(matrices), wrong, doubtful)


def _blocks(net: QuadraticRNN) -> list[Tensor]:
    """What each side has to add: U among the forward units, V among the backward ones."""
    if net.V is None:
        return [net.U]
    nothing = torch.zeros_like(net.U)
    return [torch.block_diag(net.U, nothing), torch.block_diag(nothing, net.V)]


def _order(found: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, tuple[int, ...]]:
    """Units by how much more they take from the step before than from the one after, and unclear ones."""
    (before, before_error), (after, after_error) = found
    strength = before.square().sum(1) - after.square().sum(1)
    noise = 2 * ((before * before_error).square() + (after * after_error).square()).sum(1).sqrt()
    noise = noise + before_error.square().sum(1) + after_error.square().sum(1)
    order = strength.argsort(descending=True, stable=True)
    forward = torch.arange(len(order)) < len(order) // 2
    clear = torch.where(forward, strength[order], -strength[order]) > DOUBTFUL * noise[order]
    return order, tuple((~clear).nonzero().flatten().tolist())


def _wrong(sides: Sequence[Tensor]) -> float:
    before, after = (side.abs().clone() for side in sides)
    k = len(before) // 2
    before[:k, :k], after[k:, k:] = 0, 0
    return float(torch.maximum(before, after).max())
