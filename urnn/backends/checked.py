"""A backend made of torch's operators, with the errors that a kernel raises."""

from functools import wraps

import torch
from torch import Tensor

from urnn import checks
from urnn.backends.contract import Parameters, RunSequence, State, States


def checked(run_sequence: RunSequence) -> RunSequence:
    """`run_sequence` behind the checks of `urnn.checks`, with an answer for a batch of no samples."""

    @wraps(run_sequence)
    def run(x: Tensor, h_0: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
        tensors = (x, h_0, *parameters[:-1])
        checks.require_dense(dict(zip(checks.NAMES, tensors, strict=True)))
        checks.require(*tensors)
        if not torch.compiler.is_compiling():
            checks.require_memory(*(tensor for tensor in tensors if checks.has_storage(tensor)))
        if x.shape[1] == 0:
            return without_samples(x, h_0, parameters)
        permutation = checks.known_permutation(parameters.permutation)
        return run_sequence(x, h_0, parameters._replace(permutation=permutation))

    return run


def without_samples(x: Tensor, h_0: Tensor, parameters: Parameters) -> tuple[States, State]:
    """The states (T, 0, 2n) and (0, 2n) of a batch of no samples; every gradient is zero."""
    theta, v, _, V, b, _ = parameters  # noqa: N806 - the paper's letter
    states = (x @ V.mT + h_0) * (theta.sum() + v.sum() + b.sum())
    return states, states[-1]
