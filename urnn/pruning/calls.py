"""What a net under gates, or one that is left of it, is called with, checked: each wrong call is a sentence."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from urnn import checks
from urnn.layer import without_autocast

States = Tensor | Sequence[Tensor]  # of every layer


def require_real_dtype(name: str, own: torch.dtype) -> None:
    """Raises ValueError unless a complex matrix can be applied with parameters of this dtype.

    Example:
        >>> import torch
        >>> from urnn.pruning.calls import require_real_dtype
        >>> require_real_dtype("ContractedRNN", torch.float32)
    """
    if own not in (torch.float32, torch.float64):
        raise ValueError(
            f"{name}: Expected parameters to be torch.float32 or torch.float64, got {own}; call "
            ".float() on it and on its input"
        )


def require_input(name: str, input: object) -> Tensor | PackedSequence:
    """The input of a net `name`; raises TypeError unless it is a tensor or a packed sequence.

    Example:
        >>> from urnn.pruning.calls import require_input
        >>> require_input("Compacted", [0.5])
        Traceback (most recent call last):
        TypeError: Compacted: input must be a Tensor or a PackedSequence, got list
    """
    if not isinstance(input, Tensor | PackedSequence):
        raise TypeError(f"{name}: input must be a Tensor or a PackedSequence, got {type(input).__name__}")
    return input


@contextmanager
def in_own_precision(input: Tensor | PackedSequence, own: torch.dtype) -> Iterator[Tensor | PackedSequence]:
    """The input in the parameters' dtype, while no autocast lowers it: there are no complex numbers below float32.

    Example:
        >>> import torch
        >>> from urnn.pruning.calls import in_own_precision
        >>> with torch.autocast("cpu"), in_own_precision(torch.ones(1).bfloat16(), torch.float32) as x:
        ...     x.dtype
        torch.float32
    """
    data = input if isinstance(input, Tensor) else input.data
    with without_autocast(data.device.type):
        yield input.to(own)


def require_complex_call(name: str, input: object, hx: object, own: torch.dtype) -> None:
    """Raises unless these can be the input and the first state of a net `name` with parameters of dtype `own`.

    Sizes are left to the net, except that an input has two or three dimensions.

    Raises:
        TypeError: what is no tensor.
        ValueError: another dtype, or an input of other dimensions.

    Example:
        >>> import torch
        >>> from urnn.pruning.calls import require_complex_call
        >>> require_complex_call("ContractedRNN", torch.zeros(5, 2, 3), torch.zeros(1, 2, 4), torch.float32)
        Traceback (most recent call last):
        ValueError: ContractedRNN: Expected h_0 to be torch.complex64, got torch.float32; torch.complex(re, im) ...
    """
    require_real_dtype(name, own)
    input = require_input(name, input)
    if isinstance(input, Tensor) and input.dim() not in (2, 3):
        raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}D instead")
    checks.require_input_dtype(name, input if isinstance(input, Tensor) else input.data, own)
    if hx is None:
        return
    if not isinstance(hx, Tensor):
        raise TypeError(
            f"{name}: h_0 must be a complex Tensor or None, got {type(hx).__name__}; there is one state, no cell"
        )
    checks.require_complex_dtype(name, "h_0", hx, own)


def require_pair(name: str, hx: object) -> tuple[States, States]:
    """h_0 and c_0; raises TypeError unless it is a pair of tensors, or of lists of tensors.

    Example:
        >>> import torch
        >>> from urnn.pruning.calls import require_pair
        >>> require_pair("StackedLSTM", torch.zeros(2, 4, 5))
        Traceback (most recent call last):
        TypeError: StackedLSTM: expected a state (h_0, c_0), got Tensor
    """
    if not isinstance(hx, Sequence) or isinstance(hx, str) or len(hx) != 2:
        many = f" of {len(hx)}" if isinstance(hx, Sequence) else ""
        raise TypeError(f"{name}: expected a state (h_0, c_0), got {type(hx).__name__}{many}")
    for part in hx:
        listed = isinstance(part, list | tuple) and all(isinstance(one, Tensor) for one in part)
        if not (listed or (isinstance(part, Tensor) and part.dim())):
            raise TypeError(f"{name}: expected h_0 and c_0 to be tensors, one a layer, got {part!r}")
    return hx[0], hx[1]
