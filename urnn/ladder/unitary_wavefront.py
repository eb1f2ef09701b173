"""Several layers advanced together over chunks of time, as a wavefront over (layer, chunk).

While layer l runs chunk c, layer l + 1 runs chunk c - 1, just written and still in cache where it is small; and
T steps of L layers take ceil(T / k) + L - 1 diagonals of a grid, whose chunks do not depend on each other
(Appleyard, Kocisky, Blunsom 2016, arXiv 1604.01946). Known weakness: it does not pay on one thread. There an upper
layer is bound by the arithmetic of its input product, not by where its input lies, and every chunk adds a call, a
sum of gradients and a copy of the output. The chunks of a diagonal run one after another: a kernel call takes all
of torch's threads, and a second pool would fight them. Beyond 8 layers the kernel no longer remembers all their
tables from one chunk to the next.
"""

import torch
from torch import Tensor, nn

from urnn.backends import Backend
from urnn.shapes import Float

CHUNK = 50  # time steps; fewer cost more calls than they gain in cache at every size that was measured


def diagonals(layers: int, chunks: int) -> list[list[tuple[int, int]]]:
    """The (layer, chunk) of each diagonal, in the order they run: chunks + layers - 1 of them.

    Example:
        >>> from urnn.ladder.unitary_wavefront import diagonals
        >>> diagonals(layers=2, chunks=2)
        [[(0, 0)], [(0, 1), (1, 0)], [(1, 1)]]
    """
    return [
        [(layer, d - layer) for layer in range(layers) if 0 <= d - layer < chunks]
        for d in range(chunks + layers - 1)
    ]


def run_layers(
    layers: nn.ModuleList,
    x: Float[Tensor, "T B m"],
    first_states: list[Float[Tensor, "B {2*len(layers[0].b)}"] | None],
    backend: Backend,
) -> tuple[Float[Tensor, "T B {2*len(layers[0].b)}"], list[Float[Tensor, "B {2*len(layers[0].b)}"]]]:
    """The states of the last layer and the last state of every layer; None starts from the learned first state.

    Example:
        >>> import torch
        >>> from urnn import URNN
        >>> from urnn.backends import BACKENDS
        >>> from urnn.ladder.unitary_wavefront import run_layers
        >>> layers = URNN(3, 8, num_layers=2).layers
        >>> states, last = run_layers(layers, torch.randn(5, 2, 3), [None, None], BACKENDS["reference"])
        >>> states.shape, len(last)
        (torch.Size([5, 2, 16]), 2)
    """
    read, carried = list(x.split(CHUNK)), list(first_states)  # a chunk's states are what the next layer reads
    for diagonal in diagonals(len(layers), len(read)):
        for layer, chunk in diagonal:
            read[chunk], carried[layer] = layers[layer](read[chunk], carried[layer], backend)
    return torch.cat(read), [state for state in carried if state is not None]  # each has run
