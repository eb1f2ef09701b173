"""What a gradient meets on its way back through time: the paper's Figure 4, for any registered model.

The sequence is run one step per call, so that every state is a tensor with a gradient; a fused kernel keeps none.
Known weakness: that takes some milliseconds per time step, so it is done at a few moments of a run only.
"""

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from urnn.shapes import Float
from urnn.training.network import Network
from urnn.training.streams import Batch

MOMENTS = (0, 100)  # iterations, as in the paper


def dissect(network: Network, batch: Batch) -> dict[str, list[int] | list[float]]:
    """Means over the batch at every step t that has a step before it.

    Returns:
        t: the step, from 1.
        state_norm: |h_t|, of what the model hands to its read-out (of an LSTM, h and not c).
        state_change: |h_t - h_(t-1)|; a saturated state changes no more.
        gradient_norm: |dC/dh_t|, C being the cost of one sequence. Parameters' gradients are left alone.

    Example:
        >>> import torch
        >>> from urnn import models
        >>> from urnn.tasks import Adding
        >>> from urnn.training.anatomy import dissect
        >>> from urnn.training.network import Network
        >>> task = Adding(length=4)
        >>> network = Network(models.get("urnn"), hidden_size=8, task=task)
        >>> dissect(network, task.sample(2, torch.Generator().manual_seed(0)))["t"]
        [1, 2, 3]
    """
    x, target = batch
    with parametrize.cached():  # an orthogonal matrix is mapped once, not at every step
        states, output = _run_by_steps(network, x)
        logits = network.read_out(network.task.read(output, output[-1]))
        cost = x.shape[1] * network.task.loss(logits, target)  # the loss is a mean over the batch
        gradients = torch.autograd.grad(cost, states)
    h = torch.stack(states).detach()
    return {
        "t": list(range(1, len(states))),
        "state_norm": _mean_norm(h)[1:],
        "state_change": _mean_norm(h[1:] - h[:-1]),
        "gradient_norm": _mean_norm(torch.stack(gradients))[1:],
    }


def _run_by_steps(network: Network, x: Float[Tensor, "T B m"]) -> tuple[list[Tensor], Float[Tensor, "T B k"]]:
    """Each h_t, as the tensor that both the next step and the output start from, and the outputs."""
    state, states, outputs = None, [], []
    for x_t in x.split(1):
        output, state = network.rnn(x_t, state)
        states.append(state[0] if isinstance(state, tuple) else state)
        outputs.append(network.row.last_output(output, state))
    return states, torch.stack(outputs)


def _mean_norm(vectors: Tensor) -> list[float]:
    """Euclidean norms of real or complex vectors (T, layers, B, n), as means over layers and batch."""
    return torch.linalg.vector_norm(vectors, dim=-1).mean((-2, -1)).tolist()
