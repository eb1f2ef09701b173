"""Roughly how long a cell takes, before it has been measured.

Good enough to order a sweep and to start a progress bar, which then corrects it by what it sees. Known weakness:
the rates below are one 2025 server core's and, from data sheets, those of a large GPU of 2024; another machine is
off by a constant factor.
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

LAUNCH_SECONDS = 6e-6  # on CUDA, from Python
REPLAYED_SECONDS = 2e-6  # the same from a graph
FUSED_STEP_SECONDS = 3e-6
CUDA_SECONDS_PER_FLOP = 1 / 20e12
CUDA_OVERHEAD = 0.7  # data drawn on the CPU, handles, captures, looks at the GPU's state


def call_seconds(cell: Cell) -> float:
    """Estimated seconds of one call of the cell's work."""
    if cell.device == "cuda":
        return _call_seconds_on_cuda(cell)
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


def _call_seconds_on_cuda(cell: Cell) -> float:
    n = cell.hidden_size
    launch = REPLAYED_SECONDS if cell.captured else LAUNCH_SECONDS
    if cell.model in ("urnn", "urnn_ladder", "ceiling"):
        fused = cell.implementation not in ("reference", "materialized", "op_by_op", "real_pairs", "fourier")
        step = FUSED_STEP_SECONDS if fused else EAGER_OPERATIONS * launch
        flops = cell.batch * n * (20 * math.log2(n + 1) + 80)
    else:
        step, flops = launch, 2 * cell.batch * int(describe(cell)["parameters"])
    forward = cell.num_layers * cell.length * (step + flops * CUDA_SECONDS_PER_FLOP)
    if cell.phase != "train":
        return forward
    orthogonal_map = 60 * n**3 * CUDA_SECONDS_PER_FLOP if cell.model.startswith("ortho_") else 0.0
    return TRAIN_FACTOR * forward + orthogonal_map


def cell_seconds(cell: Cell, profile: Profile) -> float:
    """Estimated seconds that one pass spends on a cell: warm-up, memory and timed rounds."""
    call = call_seconds(cell)
    overhead = CUDA_OVERHEAD if cell.device == "cuda" else OVERHEAD
    return overhead + 3 * call + max(2 * call, profile.seconds) + max(profile.rounds * call, profile.seconds)
