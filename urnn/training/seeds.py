"""One seed of the user's, and the seeds that follow from it.

Model and data must not start from the same number: their first values would be the same random bits. Held-out data
comes from seeds of its own, equal in every run, so that runs are scored on the same sequences.
"""

import numpy as np
import torch

PURPOSES = ("model", "training data", "validation data", "test data")
HELD_OUT_SEED = 20151120  # the day the paper appeared


def derived(seed: int, purpose: str) -> int:
    """A seed for one of `PURPOSES`; seed is at least 0."""
    return int(np.random.SeedSequence((seed, PURPOSES.index(purpose))).generate_state(1)[0])


def generator(seed: int, purpose: str) -> torch.Generator:
    """Random numbers on the CPU, so that one seed gives one run's data on every device."""
    return torch.Generator().manual_seed(derived(seed, purpose))
