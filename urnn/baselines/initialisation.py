"""First values that published results depend on, as functions (module, length) -> None that overwrite a module's.

`length` is T, the time steps that the module has to remember over.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Initialisation = Callable[[Any, int], None]


@torch.no_grad()
def forget_bias_one(lstm: nn.LSTM, length: int) -> None:
    """Forget gates with a bias of 1 (Jozefowicz, Zaremba, Sutskever 2015).

    Example:
        >>> from torch import nn
        >>> from urnn.baselines.initialisation import forget_bias_one
        >>> lstm = nn.LSTM(3, 2)
        >>> forget_bias_one(lstm, length=100)
        >>> (lstm.bias_ih_l0 + lstm.bias_hh_l0)[2:4].tolist()
        [1.0, 1.0]
    """
    for own, recurrent in _biases(lstm):
        forget = slice(lstm.hidden_size, 2 * lstm.hidden_size)
        own[forget], recurrent[forget] = 1, 0


@torch.no_grad()
def chrono(rnn: nn.LSTM | nn.GRU, length: int) -> None:
    """Memories of 1 to T - 1 steps, uniformly (Tallec, Ollivier 2018, arXiv 1804.11188, equations 16 and 17).

    An LSTM's forget gates get the biases log u, u from U(1, T - 1), its input gates their negatives; the update
    gates of torch's GRU, which keep where they are open, log u. The other biases are zero.

    Raises:
        ValueError: a length below 3, which leaves no u.

    Example:
        >>> from torch import nn
        >>> from urnn.baselines.initialisation import chrono
        >>> lstm = nn.LSTM(3, 2)
        >>> chrono(lstm, length=100)
        >>> bias = lstm.bias_ih_l0
        >>> bool((bias[:2] == -bias[2:4]).all()), bool((bias[2:4] <= 4.6).all())
        (True, True)
    """
    if length < 3:
        raise ValueError(f"chrono initialisation needs a length of at least 3 time steps, got {length}")
    n = rnn.hidden_size
    for own, recurrent in _biases(rnn):
        own.zero_(), recurrent.zero_()
        keeps = torch.empty_like(own[:n]).uniform_(1, length - 1).log_()
        own[n : 2 * n] = keeps
        if isinstance(rnn, nn.LSTM):
            own[:n] = -keeps


def orthogonal_recurrence(rnn: nn.RNN, length: int) -> None:
    """A random orthogonal first matrix and no biases.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.baselines.initialisation import orthogonal_recurrence
        >>> rnn = nn.RNN(3, 4)
        >>> orthogonal_recurrence(rnn, length=100)
        >>> torch.allclose(rnn.weight_hh_l0 @ rnn.weight_hh_l0.mT, torch.eye(4), atol=1e-5)
        True
    """
    for name, parameter in rnn.named_parameters():
        if name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter)
        elif name.startswith("bias"):
            nn.init.zeros_(parameter)


def _biases(rnn: nn.RNNBase) -> list[tuple[Tensor, Tensor]]:
    names = [name for name, _ in rnn.named_parameters() if name.startswith("bias_ih")]
    return [(getattr(rnn, name), getattr(rnn, name.replace("_ih", "_hh"))) for name in names]
