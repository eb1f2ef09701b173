"""The cuts of the CUDA kernel, timed beside each other: what `urnn/backends/cuda/plan.py` should choose on a GPU.

Each number of units that a thread can hold is measured by the meter of the grid, in one process and in turn, in
inference and in training, and the cut that the plan chooses by itself is marked. Nothing is stored: it is a
question about one kernel, not a result. Known weakness: a training step holds the read-out and the optimiser too,
which are the same for every cut.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch

from bench.grid import Cell
from bench.meters import device_time
from bench.meters.warm_up import warm_up
from bench.workloads import build, require_device
from urnn.backends.cuda import launch as cuda_launch
from urnn.backends.cuda import plan as cuda_plan

PHASES = ("forward", "train")
SECONDS, ROUNDS = 0.2, 5  # of each measurement, and the fewest rounds


@dataclass(frozen=True)
class Cut:
    """One cut at one size.

    Attributes:
        step_times: seconds a time step, by phase; the median of the rounds.
        chosen: whether the plan takes it by itself.
        remark: what disturbed the measurement; empty if nothing did.
    """

    hidden_size: int
    batch: int
    elements: int
    step_times: dict[str, float]
    chosen: bool
    remark: str


def compare(hidden_size: int, batch: int, length: int) -> list[Cut]:
    """Every cut of that size, in float32.

    Raises:
        RuntimeError: there is no CUDA device.
        ValueError: the kernel does not have this size.
    """
    require_device("cuda")
    chosen = cuda_plan.choose(hidden_size, batch, torch.float32, False, cuda_launch.multiprocessors()).elements
    return [
        _measured(hidden_size, batch, length, elements, chosen) for elements in cuda_plan.possible(hidden_size)
    ]


def _measured(hidden_size: int, batch: int, length: int, elements: int, chosen: int) -> Cut:
    times, remarks = {}, []
    for phase in PHASES:
        cell = Cell("urnn", "cuda", phase, "cuda", "float32", hidden_size, length, batch)
        with _asked_for(elements):
            work = build(cell)
            warm = warm_up(work.run, seconds=SECONDS / 2).warm_call
            found = device_time.measure(work.enqueue, warm_call=warm, seconds=SECONDS, at_least=ROUNDS)
        times[phase] = median(found.samples) / length
        remarks += [found.remark] if found.remark else []
    return Cut(hidden_size, batch, elements, times, elements == chosen, "; ".join(dict.fromkeys(remarks)))


@contextmanager
def _asked_for(elements: int) -> Iterator[None]:
    before = os.environ.get(cuda_plan.OVERRIDE)
    os.environ[cuda_plan.OVERRIDE] = str(elements)
    try:
        yield
    finally:
        if before is None:
            del os.environ[cuda_plan.OVERRIDE]
        else:
            os.environ[cuda_plan.OVERRIDE] = before


def lines(cuts: list[Cut]) -> Iterator[str]:
    """A table for people: microseconds a time step, and which cut is the fastest where the chosen one is not."""
    yield f"{'n':>5} {'B':>5} {'units':>6} {'forward us':>11} {'train us':>9}"
    for cut in cuts:
        times = f"{1e6 * cut.step_times['forward']:>11.2f} {1e6 * cut.step_times['train']:>9.2f}"
        marks = " ".join(filter(None, ("chosen" if cut.chosen else "", cut.remark)))
        yield f"{cut.hidden_size:>5} {cut.batch:>5} {cut.elements:>6} {times}  {marks}".rstrip()
    for phase in PHASES:
        fastest = min(cuts, key=_time_in(phase))
        chosen = next(cut for cut in cuts if cut.chosen)
        if not fastest.chosen:
            gain = chosen.step_times[phase] / fastest.step_times[phase]
            yield f"{phase}: {fastest.elements} units a thread are {gain:.2f} times as fast as those chosen"


def _time_in(phase: str) -> Callable[[Cut], float]:
    return lambda cut: cut.step_times[phase]
