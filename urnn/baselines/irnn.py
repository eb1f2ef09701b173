"""IRNN: a ReLU network that starts from the identity (Le, Jaitly, Hinton 2015, arXiv 1504.00941).

It is nn.RNN with other initial weights, so its speed is that of torch's own kernel.
"""

from typing import Any

from torch import nn


class IRNN(nn.RNN):
    """`nn.RNN(nonlinearity="relu")` whose recurrent matrices start as the identity and biases as zero.

    Arguments, inputs, outputs (real) and errors are nn.RNN's. Input weights are drawn from N(0, 0.001^2), as in
    the paper.

    Example:
        >>> import torch
        >>> from urnn.baselines import IRNN
        >>> rnn = IRNN(input_size=3, hidden_size=4)
        >>> torch.equal(rnn.weight_hh_l0, torch.eye(4))
        True
        >>> output, h_n = rnn(torch.randn(5, 2, 3))
        >>> output.shape, h_n.shape
        (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__(input_size, hidden_size, nonlinearity="relu", **options)

    def reset_parameters(self) -> None:
        for name, parameter in self.named_parameters():
            if name.startswith("weight_hh"):
                nn.init.eye_(parameter)
            elif name.startswith("weight_ih"):
                nn.init.normal_(parameter, std=1e-3)
            else:
                nn.init.zeros_(parameter)
