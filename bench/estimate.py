"""Roughly how long a cell takes, before it has been measured.

Good enough to order a sweep and to start a progress bar, which then corrects it by what it sees. Known weakness:
the two rates below are one 2025 server core's; another machine is off by a constant factor, a GPU by more.
"""

import math

from bench.grid import Cell, Profile
from bench.prepare import describe

SECONDS_PER_OPERATION = 4e-6  # dispatch of one small eager operation
SECONDS_PER_FLOP = 1 / 150e9
EAGER_OPERATIONS = 25  # of a uRNN time step
FUSED = ("cpu", "fused_step", "whole_sequence", "wavefront", "memory")
TRAIN_FACTOR = 3.5  # forward, backward and optimiser against forward
OVERHEAD = 0.08  # building, profiling, storing


def call_seconds(cell: Cell) -> float:
    """Estimated seconds of one call of the cell's work."""
    n = cell.hidden_size
    if cell.backend in FUSED:
        operations, flops = 1, cell.batch * n * (20 * math.log2(n + 1) + 80)
    elif cell.model in ("urnn", "urnn_ladder", "ceiling"):
        operations, flops = EAGER_OPERATIONS, cell.batch * n * (80 * math.log2(n + 1) + 800)
    else:
        operations, flops = 3, 2 * cell.batch * int(describe(cell)["parameters"])
    forward = cell.num_layers * cell.length * (operations * SECONDS_PER_OPERATION + flops * SECONDS_PER_FLOP)
    if cell.phase != "train":
        return forward
    orthogonal_map = 60 * n**3 * SECONDS_PER_FLOP if cell.model.startswith("ortho_") else 0.0
    return TRAIN_FACTOR * forward + orthogonal_map


def cell_seconds(cell: Cell, profile: Profile) -> float:
    """Estimated seconds that one pass spends on a cell: warm-up, memory and timed rounds."""
    call = call_seconds(cell)
    return OVERHEAD + 3 * call + max(2 * call, profile.seconds) + max(profile.rounds * call, profile.seconds)
