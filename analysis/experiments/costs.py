"""What a training step of each group costs: time per time step and peak memory.

Why: accuracy means little without its price. The benchmark's own measurement of the very same step (model,
backend, hidden size, steps, batch, device, dtype) is taken where there is one; else the time follows from the
run's iterations a second, and the memory is not known.

Known weakness: the benchmark's inputs are those of copying or of pixels; for adding, one wide instead of two.
Iterations a second include drawing the data and, where runs share a machine, each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.experiments.groups import Group
from analysis.experiments.schema import TASK_LABELS
from analysis.vocabulary import MEASURED, PEAK_ALLOCATED, STEP_TIME

BENCHMARK_TASKS = {task: task if task in ("copying", "adding") else "pixels" for task in TASK_LABELS}
MATCHED = ("model", "backend", "hidden_size", "batch", "device", "dtype", "threads", "cpu")


@dataclass(frozen=True)
class Cost:
    """Seconds per time step of a training step, whether the benchmark measured them, and bytes or None."""

    step_time: float | None
    benchmarked: bool
    peak_memory: float | None


def cost(group: Group, measurements: pd.DataFrame | None) -> Cost:
    """A group and the tidy frame of benchmark measurements, if any -> what its training step costs."""
    time, memory = (_measured(group, measurements, metric) for metric in (STEP_TIME, PEAK_ALLOCATED))
    if time is not None:
        return Cost(time, True, memory)
    speed = group.members["iterations_per_second"].dropna()
    estimate = None if speed.empty else 1 / (float(speed.median()) * group.place.steps)
    return Cost(estimate, False, memory)


def _measured(group: Group, measurements: pd.DataFrame | None, metric: str) -> float | None:
    """The median over all passes and rounds of the newest commit that measured this step; None without one."""
    if measurements is None:
        return None
    wanted = {name: group.fact(name) for name in MATCHED}
    wanted |= {"length": group.place.steps, "phase": "train", "num_layers": 1, "metric": metric}
    wanted |= {"task": BENCHMARK_TASKS.get(group.place.task), "outcome": MEASURED}
    here = measurements
    for name, value in wanted.items():
        here = here[here[name].eq(value).fillna(False).astype(bool)]
    # A harness that keeps no samples leaves three rows, of which the median alone is one to average.
    here = here[here["statistic"].isin(["sample", "median"])]
    if here.empty:
        return None
    newest = here[here["measured_at"] == here["measured_at"].max()] if here["measured_at"].notna().any() else here
    return float(newest["value"].median())
