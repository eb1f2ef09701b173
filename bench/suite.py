"""What the asv classes share: a sweep's axes become asv's parameters, and a cell is prepared before it is timed.

asv reads the profile from the environment variable URNN_BENCH_PROFILE ("full" if unset).
"""

import os

from bench.grid import Cell, Profile, Sweep, get_profile, runs_on
from bench.prepare import Prepared, prepare
from bench.workloads import require_device

PROFILE: Profile = get_profile(os.environ.get("URNN_BENCH_PROFILE", "full"))


class SweepBenchmark:
    """Base of a benchmark over one sweep; a subclass brings the `time_` or `track_` methods."""

    param_names = ("model", "phase", "device", "hidden_size", "length", "batch")
    timeout = 1800.0  # seconds; the slowest cell of the full profile takes minutes
    sweep: Sweep
    prepared: Prepared

    def setup(self, model: str, phase: str, device: str, hidden_size: int, length: int, batch: int) -> None:
        """Prepares the cell; asv shows as n/a what is absent here: a device, or a backend for it."""
        name, backend = model.split(":")
        if not runs_on(backend, device):
            raise NotImplementedError(f"backend {backend!r} does not run on {device}")
        try:
            require_device(device)
        except RuntimeError as absent:
            raise NotImplementedError(str(absent)) from absent
        (dtype,), (task,) = self.sweep.dtypes, self.sweep.tasks
        cell = Cell(name, backend, phase, device, dtype, hidden_size, length, batch, task)
        self.prepared = prepare(cell, PROFILE.seconds)


def class_per_sweep(base: type[SweepBenchmark], where: str) -> dict[str, type[SweepBenchmark]]:
    """One subclass of `base` for each sweep of the profile, named after it: over_length -> OverLength."""

    def subclass(sweep: Sweep) -> type[SweepBenchmark]:
        params = [
            list(axis)
            for axis in (
                sweep.variants,
                sweep.phases,
                sweep.devices,
                sweep.hidden_sizes,
                sweep.lengths,
                sweep.batches,
            )
        ]
        return type(class_name(sweep.name), (base,), {"sweep": sweep, "params": params, "__module__": where})

    return {class_name(sweep.name): subclass(sweep) for sweep in PROFILE.sweeps}


def class_name(sweep: str) -> str:
    """The class that asv shows for a sweep: over_length -> OverLength."""
    return "".join(word.capitalize() for word in sweep.split("_"))
