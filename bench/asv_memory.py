"""asv: peak allocated bytes of a call, one class a sweep, and the parameters of each model."""

import math

from bench.asv_suite import SweepBenchmark, class_per_sweep
from bench.profiles import HIDDEN_SIZES
from urnn import models
from urnn.tasks import Copying


class _Memory(SweepBenchmark):
    def track_peak_allocated_bytes(self, *_cell: str | int) -> float:
        if self.prepared.workload.cell.captured:
            return math.nan  # a replay allocates nothing: its memory is the graph's own pool
        return self.prepared.peak_allocated_bytes()

    track_peak_allocated_bytes.unit = "bytes"


globals().update(class_per_sweep(_Memory, __name__, "memory"))


class Parameters:
    """How many real parameters each model has, for the copying task's input."""

    params = (list(models.MODELS), list(HIDDEN_SIZES))
    param_names = ("model", "hidden_size")

    def track_parameters(self, model: str, hidden_size: int) -> int:
        rnn = models.get(model).build(Copying.input_size, hidden_size)
        return sum(parameter.numel() for parameter in rnn.parameters())

    track_parameters.unit = "parameters"
    track_parameters.benchmark_name = "memory.Parameters.track_parameters"
