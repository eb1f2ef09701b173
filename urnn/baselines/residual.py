"""Layers that need depth, in the residual blocks that their authors put around them.

A block is h + mix(layer(norm(h))): normalisation, the recurrent layer, and a gated linear unit that mixes its
outputs, since such a layer has no nonlinearity between its units (S4, Gu et al. 2022, arXiv 2111.00396; the LRU's
blocks are the same).
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from urnn.baselines.interface import SequenceModule, States
from urnn.shapes import Float


class ResidualBlocks(SequenceModule):
    """An encoder to n features, blocks of a recurrent layer each, and a last normalisation.

    Args:
        input_size, hidden_size: m and n; every block reads and writes n features.
        layer: (input_size, hidden_size, **options) -> a `SequenceModule` with one part of a state.
        blocks: how many.
        layer_outputs: features of the layer's output, for each hidden unit.
        batch_first, device, dtype: as in nn.RNN.

    Inputs and outputs: as of `SequenceModule`; output (T, B, n), state the layers' states side by side.

    Example:
        >>> import torch
        >>> from urnn.baselines import MinGRU, ResidualBlocks
        >>> rnn = ResidualBlocks(input_size=3, hidden_size=4, layer=MinGRU, blocks=2)
        >>> output, state = rnn(torch.randn(5, 2, 3))
        >>> output.shape, state.shape
        (torch.Size([5, 2, 4]), torch.Size([1, 2, 8]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layer: Callable[..., Any],
        blocks: int = 2,
        layer_outputs: int = 1,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, batch_first)
        n = hidden_size
        options: dict[str, Any] = {"device": device, "dtype": dtype}
        self.encoder = nn.Linear(input_size, n, **options)
        self.norms = nn.ModuleList(nn.LayerNorm(n, **options) for _ in range(blocks))
        self.layers = nn.ModuleList(layer(n, n, **options) for _ in range(blocks))
        self.mixers = nn.ModuleList(nn.Linear(layer_outputs * n, 2 * n, **options) for _ in range(blocks))
        self.last_norm = nn.LayerNorm(n, **options)

    @property
    def _layers(self) -> list[SequenceModule]:
        return cast("list[SequenceModule]", list(self.layers))

    def first_state(self, x: Float[Tensor, "T B m"]) -> States:
        h = self.encoder(x[:1])
        return (torch.cat([part for layer in self._layers for part in layer.first_state(h)], dim=-1),)

    def run(self, x: Float[Tensor, "T B m"], first: States) -> tuple[Float[Tensor, "T B n"], States]:
        h, states = self.encoder(x), []
        parts = first[0].chunk(len(self.layers), dim=-1)
        for norm, layer, mixer, part in zip(self.norms, self._layers, self.mixers, parts, strict=True):
            output, (own,) = layer.run(norm(h), (part,))
            states.append(own)
            h = h + nn.functional.glu(mixer(output), dim=-1)
        return self.last_norm(h), (torch.cat(states, dim=-1),)
