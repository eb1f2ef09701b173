"""A cell of one step made a layer: for models whose authors give a step and no kernel.

Known weakness: the loop is Python's and autograd keeps every intermediate value, so the seconds of these models
are those of an eager loop and not of what a kernel would make of them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from urnn.baselines.interface import SequenceModule, States
from urnn.extras import how_to_install
from urnn.shapes import Float

# Of torchrecurrent (MIT): the class of the cell, how it is built, the parts of its state. The nonlinearity and the
# recurrent weights of IndRNN are its authors' (Li et al. 2018, section 3); the others are as the package has them.
TORCHRECURRENT: dict[str, tuple[str, dict[str, Any], int]] = {
    "cornn": ("coRNNCell", {}, 2),
    "unicornn": ("UnICORNNCell", {}, 2),
    "lem": ("LEMCell", {}, 2),
    "indrnn": ("IndRNNCell", {"nonlinearity": "relu", "recurrent_kernel_init": "uniform"}, 1),
}


class CellLoop(SequenceModule):
    """A cell, state' = cell(x_t, state), run over time; the output is the state's first part.

    Args:
        input_size, hidden_size: m and n.
        cell: (input_size, hidden_size, **options) -> a module that takes and returns a state of `parts` tensors
            (B, n), one as it is and several as a tuple.
        batch_first, device, dtype: as in nn.RNN.

    Inputs and outputs: as of `SequenceModule`; the first state is zero.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from urnn.baselines.cells import CellLoop
        >>> rnn = CellLoop(3, 4, cell=nn.GRUCell)
        >>> rnn(torch.randn(5, 2, 3))[0].shape
        torch.Size([5, 2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        cell: Callable[..., Any],
        parts: int = 1,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, batch_first)
        self.hidden_size, self.parts = hidden_size, parts
        self.cell = cell(input_size, hidden_size, device=device, dtype=dtype)

    def first_state(self, x: Float[Tensor, "T B m"]) -> States:
        return tuple(x.new_zeros(x.shape[1], self.hidden_size) for _ in range(self.parts))

    def run(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Float[Tensor, "T B n"], States]:
        state, seen = first, []
        for x_t in x:
            following = self.cell(x_t, state[0] if self.parts == 1 else state)
            state = (following,) if self.parts == 1 else tuple(following)
            seen.append(state)
        states = tuple(torch.stack(part) for part in zip(*seen, strict=True))
        return states[0], states


def torchrecurrent(name: str) -> Callable[..., CellLoop]:
    """(input_size, hidden_size, **options) -> the layer of a key of `TORCHRECURRENT`.

    Raises (when it is called):
        ImportError: the package is not installed; the message says how to install it.

    Example:
        >>> import torch
        >>> from urnn.baselines.cells import torchrecurrent
        >>> rnn = torchrecurrent("lem")(3, 4)
        >>> rnn(torch.randn(5, 2, 3))[0].shape
        torch.Size([5, 2, 4])
    """
    return partial(_build, name)


def _build(name: str, input_size: int, hidden_size: int, **options: Any) -> CellLoop:
    try:
        import torchrecurrent
    except ImportError as error:
        raise ImportError(
            f"model {name!r} needs torchrecurrent, which is not installed; install it {how_to_install('zoo')}",
            name=error.name,
        ) from error
    cell, settings, parts = TORCHRECURRENT[name]
    return CellLoop(input_size, hidden_size, partial(getattr(torchrecurrent, cell), **settings), parts, **options)
