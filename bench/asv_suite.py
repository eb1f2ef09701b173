"""What the asv classes share: a sweep's axes become asv's parameters, and a cell is prepared before it is timed.

Layers and dtypes are parameters only in sweeps that have others than one layer and float32: asv drops the history
of a benchmark whose parameters change. The profile is the environment variable's, URNN_BENCH_PROFILE, or "full".
"""

import os
import re
from types import FunctionType

from bench import subjects
from bench.grid import Cell, Profile, Sweep
from bench.prepare import Prepared, prepare
from bench.profiles import get_profile
from bench.workloads import require_device

PROFILE: Profile = get_profile(os.environ.get("URNN_BENCH_PROFILE", "full"))
METHOD = re.compile("(time|track)_")


class SweepBenchmark:
    """Base of a benchmark over one sweep; a subclass brings the `time_` or `track_` methods."""

    param_names: tuple[str, ...]
    timeout = 1800.0  # seconds; the slowest cell of the full profile takes minutes
    sweep: Sweep
    prepared: Prepared

    def setup(self, variant: str, phase: str, device: str, *sizes: int | str) -> None:
        """Prepares the cell; asv shows as n/a what is absent here: a device, or a backend for it."""
        name, backend = variant.split(":")
        if not subjects.runs_on(name, backend, device):
            raise NotImplementedError(f"backend {backend!r} does not run on {device}")
        try:
            require_device(device)
        except RuntimeError as absent:
            raise NotImplementedError(str(absent)) from absent
        (task,) = self.sweep.tasks
        named = dict(zip(self.param_names[3:], sizes, strict=True))
        cell = Cell(name, backend, phase, device, **{"dtype": self.sweep.dtypes[0], "task": task} | named)
        self.prepared = prepare(cell, PROFILE.seconds)


def class_per_sweep(base: type[SweepBenchmark], where: str, file: str) -> dict[str, type[SweepBenchmark]]:
    """One subclass of `base` for each sweep of the profile, named after it: over_length -> OverLength.

    Args:
        where: the name of the module that will have them.
        file: the first part of its benchmarks' names, "step_time" of step_time.OverLength.time_call.
    """
    # An optimiser's first step imports it, for a second; so the processes that asv forks have it already.
    import torch._dynamo  # noqa: F401

    def subclass(sweep: Sweep) -> type[SweepBenchmark]:
        axes = {
            "model": sweep.variants,
            "phase": sweep.phases,
            "device": sweep.devices,
            "hidden_size": sweep.hidden_sizes,
            "length": sweep.lengths,
            "batch": sweep.batches,
        }
        if sweep.num_layers != (1,):
            axes["num_layers"] = sweep.num_layers
        if sweep.dtypes != ("float32",):
            axes["dtype"] = sweep.dtypes
        own = {"params": [list(axis) for axis in axes.values()], "param_names": tuple(axes)}
        attributes = ["variant" if axis == "model" else axis for axis in axes]
        # What a sweep leaves out asv shows as n/a too. In `setup` it would be a new version of every benchmark.
        own["skip_params"] = [tuple(getattr(cell, name) for name in attributes) for cell in sweep.not_planned()]
        name = class_name(sweep.name)
        methods = {
            key: _named(value, f"{file}.{name}.{key}") for key, value in vars(base).items() if METHOD.match(key)
        }
        return type(name, (base,), {"sweep": sweep, **own, **methods, "__module__": where})

    return {class_name(sweep.name): subclass(sweep) for sweep in PROFILE.sweeps}


def _named(method: FunctionType, name: str) -> FunctionType:
    """A copy of the method that has this name in asv, which otherwise takes the module's and would lose the
    results of a module that is renamed."""
    copy = FunctionType(method.__code__, method.__globals__, method.__name__)
    copy.__qualname__ = method.__qualname__  # asv's version of a benchmark is a digest of this and the source
    copy.__dict__.update(vars(method), benchmark_name=name)
    return copy


def class_name(sweep: str) -> str:
    """The class that asv shows for a sweep: over_length -> OverLength."""
    return "".join(word.capitalize() for word in sweep.split("_"))
