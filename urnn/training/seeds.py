"""The seeds of model and data, derived from the user's one.

Model and data must not share a seed: their first values would be the same random bits. Held-out data has a seed of
its own, the same in every run, so that all runs are scored on the same sequences.
"""

import numpy as np
import torch

PURPOSES = ("model", "training data", "validation data", "test data", "probes")
HELD_OUT_SEED = 20151120  # the day the paper appeared


def derived(seed: int, purpose: str) -> int:
    """A seed for one of `PURPOSES`; seed is at least 0.

    Example:
        >>> from urnn.training.seeds import derived
        >>> derived(0, "model") == derived(0, "training data")
        False
    """
    return int(np.random.SeedSequence((seed, PURPOSES.index(purpose))).generate_state(1)[0])


def generator(seed: int, purpose: str) -> torch.Generator:
    """Random numbers on the CPU, so that one seed gives one run's data on every device.

    Example:
        >>> import torch
        >>> from urnn.training.seeds import generator
        >>> one, other = (torch.rand(3, generator=generator(0, "training data")) for _ in range(2))
        >>> torch.equal(one, other)
        True
    """
    return torch.Generator().manual_seed(derived(seed, purpose))
