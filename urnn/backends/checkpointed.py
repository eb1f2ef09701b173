"""Any backend with fewer states kept: memory that grows with sqrt(T), for a third more work.

Only every k-th state is kept, and the steps between are run again when their gradient is due (Gruslys et al. 2016,
arXiv 1606.03401). Reversing the recurrence instead would need nothing, but inverse modReLU amplifies rounding
errors until nothing is left. Known weakness: states in between are not returned, so no loss can read them.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def interval(asked: int | bool, steps: int) -> int:
    """k: what was asked for, or the one near sqrt(T) that keeps least."""
    return max(1, round(math.sqrt(steps))) if asked is True else int(asked)


def run_sequence(
    run: Callable[..., tuple[Tensor, Tensor]],
    asked: int | bool,
    x: Float[Tensor, "T B m"],
    h_0: Float[Tensor, "B two_n"],
    *parameters: Tensor | float,
) -> tuple[Float[Tensor, "kept B two_n"], Float[Tensor, "B two_n"]]:
    """States k, 2k, ... and the last one, by `run`, which is a backend's `run_sequence`."""

    def segment(*arguments: Tensor | float) -> Tensor:
        return run(*arguments)[1]

    kept = [h_0]
    for part in x.split(interval(asked, x.shape[0])):
        kept.append(
            checkpoint(segment, part, kept[-1], *parameters, use_reentrant=False, preserve_rng_state=False)
        )
    return torch.stack(kept[1:]), kept[-1]
