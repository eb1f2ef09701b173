"""How many of torch's operators one call dispatches, and how many bytes its graph keeps for the backward pass.

Both are the same at every call, so that an increase is a fact and not a matter of statistics. Known
weakness: what a kernel of our own does is not seen, neither its loops nor what it keeps by itself; peak allocated
bytes see the latter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode


class _Count(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        self.calls += 1
        return function(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Counts:
    """What one call did: operators dispatched, and bytes kept for its backward pass."""

    operators: int
    saved_bytes: int


def counts(run: Callable[[], object]) -> Counts:
    """Calls `run` once and counts.

    Operators include those of the backward pass and the optimiser, but not those inside others. Each storage that
    is kept counts once, weights included.
    """
    storages: dict[int, torch.UntypedStorage] = {}  # held, or a freed one's address could be another's

    def pack(tensor: Tensor) -> Tensor:
        if tensor.layout is torch.strided:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage
        return tensor

    with _Count() as count, saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return Counts(count.calls, sum(storage.nbytes() for storage in storages.values()))
