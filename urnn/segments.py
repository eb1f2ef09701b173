"""Which states of a sequence are returned, and running steps again in the backward pass instead of keeping them.

With `every` = k a sequence runs in segments of k steps. The backward pass keeps the state that each segment starts
from, and runs a segment again when its gradients are due (Gruslys et al. 2016, arXiv 1606.03401): memory for
T / k + k steps instead of T, for a third more work. Running the recurrence backwards instead would need no memory,
but inverting modReLU amplifies rounding errors until nothing is left.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from urnn.backends import transforms
from urnn.backends.contract import Input, Parameters, RunSequence, State
from urnn.shapes import Float


def interval(recompute: int | bool, steps: int) -> int:
    """Steps in a segment: the number asked for, near sqrt(T) for True, which keeps the least, or 0 for False.

    Example:
        >>> from urnn.segments import interval
        >>> interval(True, steps=100), interval(25, steps=100), interval(False, steps=100)
        (10, 25, 0)
    """
    return max(1, round(math.sqrt(steps))) if recompute is True else int(recompute)


def returned(output_steps: str | int, steps: int) -> list[int] | None:
    """The time steps, from 0, whose states are returned; None for all.

    `output_steps` is "all", "last", or a number k: steps k - 1, 2k - 1, ... and the last.

    Example:
        >>> from urnn.segments import returned
        >>> returned("last", steps=10), returned(4, steps=10), returned("all", steps=10)
        ([9], [3, 7, 9], None)
    """
    if output_steps in ("all", 1):
        return None
    every = steps if output_steps == "last" else int(output_steps)
    return [*range(every - 1, steps - 1, every), steps - 1]


def run_sequence(
    run: RunSequence,
    every: int,
    chosen: Sequence[int] | None,
    x: Input,
    h_0: State,
    parameters: Parameters,
) -> tuple[Float[Tensor, "returned B {2*parameters.n}"], State]:
    """The states at the `chosen` steps (None: all) and the last state, by `run`, a backend's `run_sequence`.

    Args:
        every: steps in a segment; 0 runs the sequence whole and keeps what `run` keeps. So do torch.func's
            transforms, under which torch cannot run anything again.

    Example:
        >>> import torch
        >>> from urnn.backends.contract import Parameters
        >>> from urnn.segments import run_sequence
        >>> def run(x, h_0, parameters):  # a running sum
        ...     states = h_0 + x.cumsum(0)
        ...     return states, states[-1]
        >>> one = torch.ones(1)
        >>> unused = Parameters(one.expand(3, 1), one.expand(2, 2), one.long() - 1, one.expand(2, 2), one, 0.0)
        >>> states, last = run_sequence(run, 2, [1, 4], torch.ones(5, 1, 2), torch.zeros(1, 2), unused)
        >>> states[:, 0, 0], last
        (tensor([2., 5.]), tensor([[5., 5.]]))
    """
    if every == 0 or transforms.active():
        states, last = run(x, h_0, parameters)
        return _pick(states, last, chosen), last

    def segment(
        x: Tensor, h: Tensor, chosen: Sequence[int] | None, parameters: Parameters
    ) -> tuple[Tensor, Tensor]:
        states, last = run(x, h, parameters)
        return _pick(states, last, chosen), last

    output, h = [], h_0
    for number, part in enumerate(x.split(every)):
        begin, steps = number * every, len(part)
        here = None if chosen is None else [t - begin for t in chosen if begin <= t < begin + steps]
        states, h = checkpoint(segment, part, h, here, parameters, use_reentrant=False, preserve_rng_state=False)
        output.append(states)
    return torch.cat(output), h


def _pick(
    states: Float[Tensor, "T B k"], last: Float[Tensor, "B k"], chosen: Sequence[int] | None
) -> Float[Tensor, "returned B k"]:
    """The chosen steps in memory of their own, so that the other states can be freed."""
    if chosen is None or len(chosen) == len(states):
        return states
    if not chosen:
        return states.new_empty(0, *last.shape)
    if list(chosen) == [len(states) - 1]:  # a gradient of `last` is not as large as all states
        return last.unsqueeze(0)
    return states[list(chosen)]
