"""Whether a run can fit into memory at all, checked before anything is allocated.

Linux kills a process that takes more than there is without a message, and perhaps others with it. The least that a
run needs is compared, so that none is refused that would have fitted. A run that needs more may still run out of
memory; then the allocator's error becomes one sentence.
"""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

from urnn import models
from urnn.training.errors import TrainingError
from urnn.training.optimisers import STATES
from urnn.training.problems import HELD_OUT_BATCH, Problem
from urnn.training.settings import Settings

FLOAT = 4  # bytes
# What a model keeps of a step for its backward pass, in multiples of its output: measured, and rounded down.
KEPT = {"unitary": 1, "orthogonal": 2.5, "plain": 2.5, "gated": 8}
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_ALLOCATOR = ("allocate memory", "not enough memory", "out of memory", "Storage size calculation overflowed")


def require(settings: Settings, problem: Problem) -> None:
    """Raises TrainingError where the run needs more memory than its device has free."""
    needed, free = least(settings, problem), available(settings.device)
    if free is not None and needed > free:
        length = f"--length {problem.length}, " if settings.length else ""
        raise TrainingError(
            f"{length}--hidden {settings.hidden_size} and --batch {settings.batch} need at least "
            f"{as_bytes(needed)} of memory, and {as_bytes(free)} are free; make one of them smaller"
        )


def least(settings: Settings, problem: Problem) -> int:
    """Bytes that the run holds at once, at least: parameters in all their copies, and a batch with its states."""
    row, task = models.get(settings.model), problem.task
    features = row.output_per_unit * settings.hidden_size
    parameters = row.parameters(task.input_size, settings.hidden_size) + task.output_size * (features + 1)
    copies = 2 + STATES[settings.optimiser]  # the values, their gradients, and the optimiser's
    trained = task.length * settings.batch * (task.input_size + KEPT.get(row.family, 1) * features)
    scored = problem.most_steps * HELD_OUT_BATCH * (task.input_size + features)
    return int(FLOAT * (copies * parameters + max(trained, scored)))


def available(device: str) -> int | None:
    """Bytes that a process could still take there, or None where the system does not say."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    limits = [limit for limit in map(_limit, _CGROUP_LIMITS) if limit is not None]  # psutil knows no containers
    return min([*limits, free]) if (free := _free()) is not None else None


def _free() -> int | None:
    """Memory and swap space that no process uses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", RuntimeWarning
            )  # psutil's, where the system counts no use of swap space
            return psutil.virtual_memory().available + psutil.swap_memory().free
    except (OSError, KeyError, ValueError, RuntimeError):  # a /proc that is missing or hidden
        return None


def _limit(path: Path) -> int | None:
    """A container's limit; None where there is none ("max") or no such file."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def exhaustion_reported(advice: str = "make --batch, --hidden or --length smaller") -> Iterator[None]:
    """Turns the allocators' errors into one sentence, which ends with the advice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        message = str(error)
        known = isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
            text in message for text in _ALLOCATOR
        )
        if not known:
            raise
        raise TrainingError(f"there is not enough memory for this run; {advice}") from error


def as_bytes(count: int) -> str:
    """ "512 bytes", "1.5 GB": in powers of 1,000."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000 or unit == "PB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("the last unit has no end")
