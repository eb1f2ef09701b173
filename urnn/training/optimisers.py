"""The optimisers that a run can use, with torch's defaults for whatever the settings do not name."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "rmsprop": lambda groups, lr, decay, momentum: torch.optim.RMSprop(groups, lr=lr, alpha=decay),
    "adam": lambda groups, lr, decay, momentum: torch.optim.Adam(groups, lr=lr, betas=(momentum, decay)),
    "sgd": lambda groups, lr, decay, momentum: torch.optim.SGD(groups, lr=lr, momentum=momentum),
}

STATES = {"rmsprop": 1, "adam": 2, "sgd": 1}  # numbers that each keeps for a parameter


def require_known(name: str) -> None:
    """Raises ValueError, with those that there are, where there is no optimiser of that name.

    Example:
        >>> from urnn.training.optimisers import require_known
        >>> require_known("lion")
        Traceback (most recent call last):
        ValueError: unknown optimiser 'lion'; there are: rmsprop, adam, sgd
    """
    if name not in OPTIMISERS:
        raise ValueError(f"unknown optimiser {name!r}; there are: {', '.join(OPTIMISERS)}")


def build(
    name: str,
    module: nn.Module,
    slow: Iterable[nn.Parameter],
    *,
    learning_rate: float,
    slow_rate: float,
    decay: float,
    momentum: float,
    gates: Iterable[nn.Parameter] = (),
    gate_rate: float | None = None,
) -> torch.optim.Optimizer:
    """The optimiser of that name over the module's parameters.

    Args:
        slow: those of the module's parameters that learn at slow_rate * learning_rate.
        gates: those that learn at gate_rate, if there are any.
        decay: of the running mean of squared gradients, RMSprop's alpha and Adam's second beta; not SGD's.
        momentum: Adam's first beta and SGD's momentum; the paper's RMSprop has none.

    Example:
        >>> from urnn import URNN
        >>> from urnn.training import optimisers
        >>> rnn = URNN(3, 8)
        >>> rates = {"learning_rate": 1e-3, "slow_rate": 0.5, "decay": 0.9, "momentum": 0.9}
        >>> optimiser = optimisers.build("rmsprop", rnn, slow=[rnn.layers[0].b], **rates)
        >>> [group["lr"] for group in optimiser.param_groups]
        [0.001, 0.0005]
    """
    slow, gates = list(slow), list(gates)
    kept = {id(parameter) for parameter in (*slow, *gates)}
    rest = [parameter for parameter in module.parameters() if id(parameter) not in kept]
    groups: list[dict[str, Any]] = [{"params": rest}]
    if slow:
        groups.append({"params": slow, "lr": slow_rate * learning_rate})
    if gates:
        groups.append({"params": gates, "lr": gate_rate})
    return OPTIMISERS[name](groups, learning_rate, decay, momentum)
