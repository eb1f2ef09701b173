"""Peak allocated bytes: the most that one call holds at a time, beyond what was there before it.

What torch's own allocator says: its events through the profiler on a CPU, its counters on CUDA. A process's
high-water mark cannot see this: it contains imports, set-up and buffers long freed. Known weakness: memory that
a library takes by other means (MKL's packing buffers, cuBLAS's workspace) is not seen on a CPU.
"""

from collections.abc import Callable, Iterable

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
        return _peak_on_cuda(run)
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


def _peak_on_cuda(run: Callable[[], object]) -> int:
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before
