"""Peak allocated bytes: the most that one call holds at a time, beyond what was there before it.

What torch's own allocator says: its events through the profiler on a CPU, its counters on CUDA. A process's
high-water mark cannot see this: it contains imports, set-up and buffers long freed. On CUDA that
holds what cuDNN keeps for its backward pass and its workspaces, for torch's allocator hands them out. Known
weakness: memory that a library takes by other means (MKL's packing buffers on a CPU, the driver's own on CUDA) is
not seen.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch.profiler import ProfilerActivity, profile, record_function

MEASURED = "measured call"


def peak_of(changes: Iterable[int]) -> int:
    """The highest running sum of allocations (+) and releases (-), in bytes; 0 if it never rises."""
    held = peak = 0
    for change in changes:
        held += change
        peak = max(peak, held)
    return peak


def peak_allocated_bytes(run: Callable[[], object], device: str) -> int:
    """Peak bytes that one call of `run` allocates on `device`; its result counts, parameters do not.

    Call it on warm work: first calls allocate what later ones reuse. On a CPU it makes two calls and looks at
    the second: the profiler knows the size of what is released only if it saw it made, the state that a
    stream carries from call to call, say.
    """
    if device == "cuda":
        return peaks_on_cuda(run).allocated
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        run()
        with record_function(MEASURED):
            run()
    # The recorded events are the only place where torch shows each allocation; its summaries keep totals.
    events = sorted(recorded.profiler.kineto_results.events(), key=lambda event: event.start_ns())
    names = [event.name() for event in events]
    changes = [event.nbytes() for event in events[names.index(MEASURED) :] if event.name() == "[memory]"]
    if not changes:
        raise RuntimeError("torch's profiler recorded no allocation; this build cannot measure memory")
    return peak_of(changes)


@dataclass(frozen=True)
class CudaPeaks:
    """Most bytes in tensors, and most bytes that the allocator took from the device, both beyond those before."""

    allocated: int
    reserved: int


def peaks_on_cuda(run: Callable[[], object]) -> CudaPeaks:
    """Calls `run` once; what the allocator had kept of earlier calls is given back to the device before."""
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    allocated, reserved = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    run()
    torch.cuda.synchronize()
    return CudaPeaks(torch.cuda.max_memory_allocated() - allocated, torch.cuda.max_memory_reserved() - reserved)
