"""Roughly how long a cell takes, before it has been measured.

Good enough to order a sweep and to start a progress bar, which then corrects it by what it sees. Known weakness:
the rates below are one 2025 server core's and, from data sheets, those of a large GPU of 2024; another machine is
off by a constant factor.
"""

import math
import os

import torch

from analysis.vocabulary import DEVICES
from bench import subjects
from bench.ceilings import CEILINGS
from bench.grid import Cell, Profile
from bench.precision import TENSORS
from bench.prepare import describe
from urnn.models import SEARCHED
from urnn.tasks import TASKS

SECONDS_PER_OPERATION = 4e-6  # dispatch of one small eager operation
SECONDS_PER_FLOP = 1 / 150e9
EAGER_OPERATIONS = 25  # of a uRNN time step; other models' loops have about as many
EAGER = "eager"  # the backend that is a loop in Python
SEARCHED_OPERATIONS, SEARCHED_FLOPS = 400, 120_000  # of a step with 9 nodes; of it and a sample and unit
STEPWISE = ("urnn", "urnn_ladder", "ceiling")  # fused, or else many operations in each time step
TRAIN_FACTOR = 3.5  # forward, backward and optimiser against forward
OVERHEAD = 0.08  # building, profiling, storing

LAUNCH_SECONDS = 6e-6  # on CUDA, from Python
REPLAYED_SECONDS = 2e-6  # the same from a graph
FUSED_STEP_SECONDS = 3e-6
CUDA_SECONDS_PER_FLOP = 1 / 20e12
CUDA_OVERHEAD = 0.5  # data drawn on the CPU, handles, captures, looks at the GPU's state

LEAST_LIMIT, PATIENCE = 180.0, 50.0  # seconds; times the estimate


def call_seconds(cell: Cell) -> float:
    """Estimated seconds of one call of the cell's work."""
    if cell.device == "cuda":
        return _call_seconds_on_cuda(cell)
    n = cell.hidden_size
    if _is_fused(cell):
        operations, flops = 1, cell.batch * n * (20 * math.log2(n + 1) + 80)
    elif cell.model in STEPWISE:
        operations, flops = EAGER_OPERATIONS, cell.batch * n * (80 * math.log2(n + 1) + 800)
    elif cell.model in SEARCHED:
        operations, flops = SEARCHED_OPERATIONS, cell.batch * n * SEARCHED_FLOPS
    else:
        operations = EAGER_OPERATIONS if cell.implementation == EAGER else 3
        flops = 2 * cell.batch * _multiplied(cell)
    forward = cell.num_layers * cell.length * (operations * SECONDS_PER_OPERATION + flops * SECONDS_PER_FLOP)
    if cell.phase != "train":
        return forward
    orthogonal_map = 60 * n**3 * SECONDS_PER_FLOP if _has_dense_map(cell) else 0.0
    return TRAIN_FACTOR * forward + orthogonal_map


def _has_dense_map(cell: Cell) -> bool:
    """Whether a norm-preserving n x n matrix is made anew at every training step."""
    return cell.model not in STEPWISE and subjects.get(cell.model).recurrent_matrix is not None


def _multiplied(cell: Cell) -> int:
    """Real numbers of the matrices that a time step multiplies by; a complex one counts four times."""
    complex_ones = 4 * cell.hidden_size**2 if _has_dense_map(cell) else 0
    return max(int(describe(cell)["parameters"]), complex_ones)


def _is_fused(cell: Cell) -> bool:
    """Whether one kernel runs a time step. The registry says so: a kernel runs on one kind of device, eager
    operations run on any.
    """
    if cell.model == "ceiling":
        return cell.implementation == "memory"
    row = subjects.get(cell.model)
    return cell.model in STEPWISE and sum(row.runs_on(cell.implementation, device) for device in DEVICES) == 1


def _call_seconds_on_cuda(cell: Cell) -> float:
    n = cell.hidden_size
    launch = REPLAYED_SECONDS if cell.captured else LAUNCH_SECONDS
    if cell.model in STEPWISE:
        step = FUSED_STEP_SECONDS if _is_fused(cell) else EAGER_OPERATIONS * launch
        flops = cell.batch * n * (20 * math.log2(n + 1) + 80)
    else:
        step = EAGER_OPERATIONS * launch if cell.implementation == EAGER else launch
        flops = 2 * cell.batch * _multiplied(cell)
    forward = cell.num_layers * cell.length * (step + flops * CUDA_SECONDS_PER_FLOP)
    if cell.phase != "train":
        return forward
    orthogonal_map = 60 * n**3 * CUDA_SECONDS_PER_FLOP if _has_dense_map(cell) else 0.0
    return TRAIN_FACTOR * forward + orthogonal_map


def cell_seconds(cell: Cell, profile: Profile) -> float:
    """Estimated seconds that one pass spends on a cell: warm-up, memory and timed rounds."""
    call = call_seconds(cell)
    overhead = CUDA_OVERHEAD if cell.device == "cuda" else OVERHEAD
    return overhead + 3 * call + max(2 * call, profile.seconds) + max(profile.rounds * call, profile.seconds)


def limit_seconds(cell: Cell, profile: Profile) -> float:
    """Seconds after which a pass takes a cell for hung: many times the estimate, and time for a kernel's build."""
    return LEAST_LIMIT + PATIENCE * cell_seconds(cell, profile)


def least_bytes(cell: Cell) -> int:
    """Bytes that the cell needs whatever its implementation does: input, output, weights and what trains them."""
    steps = cell.length * cell.batch
    copies = 3 if cell.phase == "train" else 1  # weights, gradients and the optimiser's averages
    weights = copies * int(describe(cell)["parameters"])
    features = 0 if cell.model in CEILINGS else subjects.get(cell.model).output_per_unit * cell.hidden_size
    return (steps * (TASKS[cell.task].input_size + features) + weights) * TENSORS[cell.dtype].itemsize


def memory_of(device: str) -> int:
    """Bytes that this machine, or its current CUDA device, has in all."""
    if device == "cuda":
        return torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def require_memory(cell: Cell) -> None:
    """Raises ValueError where the cell cannot fit into its device's memory."""
    needed, there = least_bytes(cell), memory_of(cell.device)
    if needed > there:
        raise ValueError(
            f"{cell.id} needs at least {needed / 1e9:,.0f} GB of memory, and {cell.device} has {there / 1e9:,.1f} "
            "GB here; choose a smaller --hidden, --length or --batch"
        )
