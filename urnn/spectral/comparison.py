"""How far a learned net is from the true one: its units may come in any order, each with its sign."""

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from urnn.spectral.quadratic import QuadraticRNN


@dataclass(frozen=True)
class Errors:
    """Norm of the difference over the norm of the truth, of each matrix; V is None for one direction.

    Example:
        >>> from urnn.spectral.comparison import Errors
        >>> Errors(A1=0.1, A2=0.2, U=0.3)
        Errors(A1=0.1, A2=0.2, U=0.3, V=None)
    """

    A1: float
    A2: float
    U: float
    V: float | None = None


def errors(found: QuadraticRNN, truth: QuadraticRNN) -> Errors:
    """With units matched by their rows of A1, each direction for itself, signs and lengths aside.

    A row of A1 twice as long with a column of U and a row of A2 a quarter as large is the same net, so that rows
    of A1 are brought to unit norm first. Weights that are not finite have an error of NaN.

    Raises:
        ValueError: nets of several sizes.

    Example:
        >>> import torch
        >>> from urnn.spectral import QuadraticRNN, errors
        >>> net = QuadraticRNN(6, 3, 5)
        >>> errors(net, net)
        Errors(A1=0.0, A2=0.0, U=0.0, V=None)
    """
    if repr(found) != repr(truth):
        raise ValueError(f"expected two nets of one size, got {found!r} and {truth!r}")
    k = truth.hidden_size
    truth_parts, parts = _parts(truth), _parts(found)
    order, signs = [], []
    for at in range(0, truth.units, k):
        alike = parts["A1"][at : at + k] @ truth_parts["A1"][at : at + k].T
        mine, theirs = linear_sum_assignment(-alike.abs().nan_to_num().numpy())
        own = torch.as_tensor(mine[theirs.argsort()])
        order.append(at + own)
        signs.append(torch.where(alike[own, torch.arange(k)] < 0, -1.0, 1.0))
    everyone, sign = torch.cat(order), torch.cat(signs).double()[:, None]
    differences = {
        "A1": sign * parts["A1"][everyone] - truth_parts["A1"],
        "A2": parts["A2"][everyone] - truth_parts["A2"],
    }
    for number, name in enumerate(one for one in ("U", "V") if one in truth_parts):
        own = order[number] - number * k
        turned = sign[number * k : (number + 1) * k] * parts[name][own][:, own]
        differences[name] = turned - truth_parts[name]
    return Errors(**{name: float(one.norm() / truth_parts[name].norm()) for name, one in differences.items()})


def _parts(net: QuadraticRNN) -> dict[str, Tensor]:
    """The parameters in float64, of the same net with rows of A1 of unit norm."""
    found = {name: one.detach().double().clone() for name, one in net.named_parameters()}
    lengths = found["A1"].norm(dim=1)
    found["A1"] /= lengths.clamp(min=torch.finfo(lengths.dtype).tiny)[:, None]
    found["A2"] *= lengths.square()[:, None]
    for number, name in enumerate(one for one in ("U", "V") if one in found):
        own = lengths[number * net.hidden_size : (number + 1) * net.hidden_size]
        found[name] *= own.square() / own[:, None].clamp(min=torch.finfo(own.dtype).tiny)
    return found
