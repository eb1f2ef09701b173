"""Hand-made recordings of known noise, in which a slowed copy is exactly as slow as it says."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.calibration.recording import Recording

MODELS = ("urnn:cpu", "lstm:torch", "gru:torch")
TAILS = ("train-copying-n128-T100-B32-cpu-float32", "forward-copying-n128-T100-B32-cpu-float32")
CELLS = tuple(f"{model}-{tail}" for tail in TAILS for model in MODELS)
SLOWDOWNS = {"slow_2": 0.02, "slow_5": 0.05}
GUARDED = tuple(cell for cell in CELLS if not cell.startswith("gru"))
FACTS = {"Machine": "a box", "torch": "2.13.0", "Commit": "aaaaaaaa A commit"}


def recording(noise: float, passes: int = 20, seed: int = 0, drift: float = 0.0) -> Recording:
    """`noise` is the standard deviation of a process's log time, `drift` that of a pass's, shared by all."""
    random = np.random.default_rng(seed)
    shared = {
        side: {at: random.normal(0, drift) for at in range(1, passes + 1)} for side in ("base", "same", *SLOWDOWNS)
    }

    def time(side: str, cell: str, at: int) -> float:
        slow = np.log1p(SLOWDOWNS.get(side, 0.0)) if cell.startswith("urnn:cpu") else 0.0
        return float(np.exp(random.normal(0, noise) + shared[side][at] + slow) / 100)

    times = {
        side: {
            cell: {at: time(side, cell, at) for at in range(1, passes + 1)}
            for cell in (GUARDED if side in SLOWDOWNS else CELLS)
        }
        for side in ("base", "same", *SLOWDOWNS)
    }
    return Recording(FACTS, CELLS, "lstm:torch", "urnn:cpu", SLOWDOWNS, 1.0, times)


@pytest.fixture(scope="session")
def quiet() -> Recording:
    """Half a per cent of noise."""
    return recording(0.005)
