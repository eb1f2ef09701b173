"""nn.LSTM without oneDNN and cuDNN, and a choice among the ways to run one model.

On a CPU torch hands nn.LSTM in float32 to oneDNN, which is faster over sequences and slower one step at a time;
nn.GRU and nn.RNN have one way alone there. The switch is the process's, not the call's. Calls that want it off are
therefore counted, so that threads cannot leave it off behind each other. Known weakness: while such a call runs,
another thread's nn.LSTM runs without oneDNN too, to the same result up to rounding.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch
from torch import nn

_lock = Lock()
_calls = 0  # that run now
_found: tuple[bool, bool] = (True, True)  # how the first of them found the two switches


@contextmanager
def torchs_own_kernels() -> Iterator[None]:
    """No recurrent kernel of oneDNN's or cuDNN's is used inside; the last to leave puts the switches back.

    Example:
        >>> import torch
        >>> from urnn.baselines.native import torchs_own_kernels
        >>> before = torch.backends.mkldnn.enabled
        >>> with torchs_own_kernels():
        ...     torch.backends.mkldnn.enabled
        False
        >>> torch.backends.mkldnn.enabled == before
        True
    """
    global _calls, _found
    with _lock:
        if _calls == 0:
            _found = torch._C._get_mkldnn_enabled(), torch._C._get_cudnn_enabled()
            _switch(False, False)
        _calls += 1
    try:
        yield
    finally:
        with _lock:
            _calls -= 1
            if _calls == 0:
                _switch(*_found)


def _switch(onednn: bool, cudnn: bool) -> None:
    # Their public form also sets TF32, which warns on a CPU.
    torch._C._set_mkldnn_enabled(onednn)
    torch._C._set_cudnn_enabled(cudnn)


class NativeLSTM(nn.LSTM):
    """`nn.LSTM` by torch's own kernels; arguments, inputs, outputs, parameters and errors are nn.LSTM's.

    The backward pass needs no switch: autograd runs what the forward pass recorded.

    Example:
        >>> import torch
        >>> from urnn.baselines.native import NativeLSTM
        >>> output, (h, c) = NativeLSTM(3, 4)(torch.randn(5, 2, 3))
        >>> output.shape, h.shape
        (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def forward(self, *inputs: Any, **named: Any) -> Any:
        with torchs_own_kernels():
            return super().forward(*inputs, **named)

    def prepare(self) -> str:
        """The backend it runs on, as `URNN.prepare` says it."""
        return "native"


def by_backend(ways: Mapping[str, Callable[..., nn.Module]]) -> Callable[..., nn.Module]:
    """Backend -> what builds it; as one function with the option `backend`, by default ("auto") the first.

    Raises (when it is called):
        ValueError: a backend that is not among them.

    Example:
        >>> from torch import nn
        >>> from urnn.baselines.native import NativeLSTM, by_backend
        >>> build = by_backend({"torch": nn.LSTM, "native": NativeLSTM})
        >>> type(build(3, 4)).__name__, type(build(3, 4, backend="native")).__name__
        ('LSTM', 'NativeLSTM')
    """

    def build(input_size: int, hidden_size: int, *, backend: str = "auto", **options: Any) -> nn.Module:
        name = next(iter(ways)) if backend == "auto" else backend
        if name not in ways:
            raise ValueError(f"backend must be one of {['auto', *ways]}, got {backend!r}")
        return ways[name](input_size, hidden_size, **options)

    return build
