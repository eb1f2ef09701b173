"""A cell made ready and warm, with what was learned on the way; the same for both harnesses.

asv runs a benchmark's setup again before every timed call, so the last cell prepared is kept: it is built once,
and two workloads never share the memory that is being measured.
"""

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch

from analysis.vocabulary import FAILED, OUT_OF_MEMORY
from bench import subjects
from bench.environment import why_no_kernel
from bench.grid import Cell
from bench.meters.memory import peak_allocated_bytes, peaks_on_cuda
from bench.meters.operators import counts
from bench.meters.warm_up import WarmUp, warm_up
from bench.workloads import Workload, build
from urnn.backends.kernel_cache import BuildError
from urnn.tasks import TASKS

_last: dict[tuple[Cell, float], "Prepared"] = {}  # one at most


@dataclass(frozen=True)
class Prepared:
    """A warm workload and its first calls' times."""

    workload: Workload
    warm_up: WarmUp

    def peak_allocated_bytes(self) -> int:
        """See `bench.meters.memory`; runs the workload once more."""
        return peak_allocated_bytes(self.workload.run, self.workload.cell.device)

    def deterministic_figures(self) -> dict[str, int | None]:
        """Bytes and counts that are the same at every call, by the name under which they are stored.

        A graph's replay dispatches and allocates nothing, its memory is the graph's pool: these are None. While
        operators and saved bytes are counted, the uRNN goes through its operators for torch; what is timed may
        take a shorter way.
        """
        if self.workload.cell.captured:
            return dict.fromkeys(("peak_allocated_bytes", "saved_for_backward_bytes", "operators"))
        counted = counts(self.workload.run)
        if self.workload.cell.device == "cuda":
            peaks = peaks_on_cuda(self.workload.run)
            return {
                "peak_allocated_bytes": peaks.allocated,
                "peak_reserved_bytes": peaks.reserved,
                "saved_for_backward_bytes": counted.saved_bytes,
                "operators": counted.operators,
            }
        return {
            "peak_allocated_bytes": self.peak_allocated_bytes(),
            "saved_for_backward_bytes": counted.saved_bytes,
            "operators": counted.operators,
        }


def prepare(cell: Cell, warm_up_seconds: float) -> Prepared:
    """Builds the cell's workload and calls it until it is warm.

    Raises:
        RuntimeError, MemoryError: see `describe_failure`; BuildError where the cell's kernel cannot be built here.
    """
    _start_torch()
    key = (cell, warm_up_seconds)
    if key not in _last:
        _last.clear()  # before the next one is built, not after
        gc.collect()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()  # or a cell finds the device filled by what an earlier one has left
        try:
            workload = build(cell)
        except ValueError as error:
            if cause := why_no_kernel(cell.device):
                raise cause from error
            raise
        _last[key] = Prepared(workload, warm_up(workload.run, seconds=warm_up_seconds))
    return _last[key]


@cache
def _start_torch() -> None:
    """Lets torch import what it imports at a process's first optimiser step, so that no cell's first call pays.

    All that is imported by then is taken out of the collector's sight, or each `gc.collect` would cost a tenth
    of a second.
    """
    weight = torch.zeros(1, requires_grad=True)
    weight.sum().backward()
    torch.optim.RMSprop([weight]).step()
    gc.freeze()


def describe(cell: Cell) -> dict[str, str | int]:
    """The cell and its model's row as plain values, as they are stored beside a figure."""
    row = subjects.get(cell.model)
    return {
        **cell.as_dict(),
        "label": row.label,
        "family": row.family,
        "state_size": row.state_per_unit * cell.hidden_size * cell.num_layers,
        "parameters": row.parameters_of(TASKS[cell.task].input_size, cell.hidden_size, cell.num_layers),
    }


def describe_failure(error: BaseException) -> tuple[str, str]:
    """(outcome, one sentence) for an error that ended a cell's measurement.

    torch reports memory that runs out on a CPU as a plain RuntimeError, so its text decides there.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    out_of_memory = (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in text)
    )
    return (OUT_OF_MEMORY if out_of_memory else FAILED), f"{type(error).__name__}: {text}"[:500]


def is_of_surroundings(error: BaseException) -> bool:
    """Whether a cell failed for what the next run may find mended: no memory, compiler or package, a full disk, a
    device that broke down. What led to the error counts too.
    """
    if describe_failure(error)[0] == OUT_OF_MEMORY or breaks_the_device(error):
        return True
    return any(
        isinstance(one, (BuildError, ImportError, OSError)) or str(one).startswith("CUDA ")
        for one in _with_causes(error)
    )


def breaks_the_device(error: BaseException) -> bool:
    """Whether CUDA may answer every later call in this process with the same error: torch's words, and ours."""
    return any("CUDA error" in str(one) or "CUDA_ERROR_" in str(one) for one in _with_causes(error))


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
