"""How a study trains a net: so many epochs with Adam, the same for every net that is compared."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from urnn import models
from urnn.pruning.selection import Selection
from urnn.training import problems, seeds
from urnn.training.network import Network
from urnn.training.problems import Problem
from urnn.training.streams import Epochs


def begin(task: str, model: str, hidden: int, seed: int) -> tuple[Problem, Network]:
    """A task of images and a net with the seed's first values, as the trainer draws them."""
    problem = problems.build(task, None, Path())
    torch.manual_seed(seeds.derived(seed, "model"))
    return problem, Network(models.get(model), hidden, problem.task)


def fit(
    network: Network, stream: Epochs, given: Mapping[str, Any], epochs: int, selection: Selection | None = None
) -> float:
    """Trains for so many epochs, and returns the processor's seconds.

    The penalty of a selection grows from 0 to its full size over the first epochs, and gates learn faster.

    Args:
        given: rate and clip, the bound on every entry of a gradient; with a selection gate_rate and ramp, in
            epochs.
    """
    gates = selection.gate_parameters() if selection else []
    optimiser = torch.optim.Adam(_groups(network, gates, given), lr=given["rate"])
    each = len(stream.images) // stream.batch
    begun = time.process_time()
    network.train()
    for iteration in range(epochs * each):
        x, target = stream.draw()
        loss = network.task.loss(network(x), target)
        if selection is not None:
            loss = loss + min(1.0, iteration / (given["ramp"] * each)) * selection.penalty(network.read_out)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(network.parameters(), given["clip"])
        optimiser.step()
    return time.process_time() - begun


def _groups(network: Network, gates: Iterable[nn.Parameter], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    gates = list(gates)
    known = {id(parameter) for parameter in gates}
    rest = {"params": [parameter for parameter in network.parameters() if id(parameter) not in known]}
    return [rest, {"params": gates, "lr": given["gate_rate"]}] if gates else [rest]


@torch.no_grad()
def accuracy(network: Network, problem: Problem) -> float:
    """Share of the test images that are right; meant to be looked at once."""
    network.eval()
    right = count = 0.0
    for x, target in problem.test():
        right += len(target) * problem.task.score(network(x), target)
        count += len(target)
    return right / count
