"""Weights as cuDNN wants them: views of one piece of memory, each where cuDNN expects it.

Handed weights that lie elsewhere, torch copies them together at every call and warns of it. `nn.RNN` lays its own
parameters out once; weights that are computed anew at every call are laid out here, differentiably. Where each
must lie is asked of `nn.RNN` itself. Known weakness: weights are copied once a call, n (m + n) numbers.
"""

from functools import cache

import torch
from torch import Tensor, nn

Layout = tuple[tuple[int, ...], int]  # where each of the weights begins, and how many numbers there are in all


def in_one_piece(weights: list[Tensor]) -> list[Tensor]:
    """The weights of a plain RNN with one layer, (W_ih, W_hh, b_ih, b_hh), as views of one new tensor.

    They come back as they are where no layout is known: on a CPU, and in dtypes that cuDNN is not used for.

    Example:
        >>> import torch
        >>> from urnn.baselines.cudnn_layout import in_one_piece
        >>> weights = [torch.zeros(4, 3), torch.zeros(4, 4), torch.zeros(4), torch.zeros(4)]
        >>> in_one_piece(weights) is weights  # on a CPU
        True
    """
    first = weights[0]
    if first.device.type != "cuda":
        return weights
    found = layout(first.shape[1], first.shape[0], first.device, first.dtype)
    return weights if found is None else laid_out(weights, found)


@cache
def layout(input_size: int, hidden_size: int, device: torch.device, dtype: torch.dtype) -> Layout | None:
    """The layout that `nn.RNN` gives to its own weights on that device; None where it leaves them apart.

    Draws no random numbers.

    Example:
        >>> import torch
        >>> from urnn.baselines.cudnn_layout import layout
        >>> layout(3, 4, torch.device("cpu"), torch.float32)  # None
    """
    with torch.inference_mode(False):  # the answer outlives the call that asked
        rnn = nn.RNN(input_size, hidden_size, device="meta", dtype=dtype).to_empty(device=device)
    names = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"
    weights: list[Tensor] = [getattr(rnn, name) for name in names]
    if len({weight.untyped_storage().data_ptr() for weight in weights}) > 1:
        return None
    numbers = weights[0].untyped_storage().nbytes() // weights[0].element_size()
    return tuple(int(weight.storage_offset()) for weight in weights), numbers


def laid_out(weights: list[Tensor], where: Layout) -> list[Tensor]:
    """Views of one new tensor, each weight at its place; gradients reach the weights that were given.

    Example:
        >>> import torch
        >>> from urnn.baselines.cudnn_layout import laid_out
        >>> a, b = laid_out([torch.ones(2), torch.zeros(3)], where=((3, 0), 5))
        >>> a.storage_offset(), b.storage_offset()
        (3, 0)
    """
    offsets, numbers = where
    pieces, end = [], 0
    for number in sorted(range(len(weights)), key=offsets.__getitem__):
        pieces += [weights[number].new_zeros(offsets[number] - end), weights[number].reshape(-1)]
        end = offsets[number] + weights[number].numel()
    flat = torch.cat([*pieces, weights[0].new_zeros(numbers - end)])
    return [
        flat[offset : offset + weight.numel()].view(weight.shape)
        for weight, offset in zip(weights, offsets, strict=True)
    ]
