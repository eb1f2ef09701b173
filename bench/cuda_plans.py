"""The plans that the CUDA kernel can have at one size, timed beside each other: which should `cuda_plan` choose?

Each number of units that a thread can hold is measured by the grid's own meter, in one process and in turn, in
inference and in training. The plan that is chosen without being asked is marked. Nothing is stored: the answer is
about one kernel and is no result. Known weakness: a training step includes the read-out and the optimiser, which
are the same for every plan.
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
from bench.workloads import build, require_cuda
from urnn.backends.cuda import launch as cuda_launch
from urnn.backends.cuda import plan as cuda_plan

PHASES = ("forward", "train")
SECONDS, ROUNDS = 0.2, 5  # of each measurement, and the fewest rounds


@dataclass(frozen=True)
class TimedPlan:
    """One plan at one size.

    Attributes:
        step_times: seconds a time step, by phase; the median of the rounds.
        chosen: whether it is the one that is taken without being asked.
        remark: what disturbed the measurement; empty if nothing did.
    """

    hidden_size: int
    batch: int
    elements: int
    step_times: dict[str, float]
    chosen: bool
    remark: str


def compare(hidden_size: int, batch: int, length: int) -> list[TimedPlan]:
    """Every plan of that size, in float32.

    Raises:
        RuntimeError: there is no CUDA device.
        ValueError: the kernel does not have this size.
    """
    require_cuda()
    chosen = cuda_plan.choose(hidden_size, batch, torch.float32, False, cuda_launch.device()).elements
    return [
        _measured(hidden_size, batch, length, elements, chosen) for elements in cuda_plan.possible(hidden_size)
    ]


def _measured(hidden_size: int, batch: int, length: int, elements: int, chosen: int) -> TimedPlan:
    times, remarks = {}, []
    for phase in PHASES:
        cell = Cell("urnn", "cuda", phase, "cuda", "float32", hidden_size, length, batch)
        with _asked_for(elements):
            work = build(cell)
            warm = warm_up(work.run, seconds=SECONDS / 2).warm_call
            found = device_time.measure(work.enqueue, warm_call=warm, seconds=SECONDS, at_least=ROUNDS)
        times[phase] = median(found.samples) / length
        remarks += [found.remark] if found.remark else []
    return TimedPlan(hidden_size, batch, elements, times, elements == chosen, "; ".join(dict.fromkeys(remarks)))


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


def lines(plans: list[TimedPlan]) -> Iterator[str]:
    """A table for people: microseconds a time step, and which plan is the fastest where the chosen one is not."""
    yield f"{'n':>5} {'B':>5} {'units':>6} {'forward us':>11} {'train us':>9}"
    for plan in plans:
        times = f"{1e6 * plan.step_times['forward']:>11.2f} {1e6 * plan.step_times['train']:>9.2f}"
        marks = " ".join(filter(None, ("chosen" if plan.chosen else "", plan.remark)))
        yield f"{plan.hidden_size:>5} {plan.batch:>5} {plan.elements:>6} {times}  {marks}".rstrip()
    for phase in PHASES:
        fastest = min(plans, key=_time_in(phase))
        chosen = next(plan for plan in plans if plan.chosen)
        if not fastest.chosen:
            gain = chosen.step_times[phase] / fastest.step_times[phase]
            yield f"{phase}: {fastest.elements} units a thread are {gain:.2f} times as fast as those chosen"


def _time_in(phase: str) -> Callable[[TimedPlan], float]:
    return lambda plan: plan.step_times[phase]
