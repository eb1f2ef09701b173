"""A known slowdown, written into a temporary copy of the checkout and nowhere else.

The copy's workloads run one model's calls and then wait on the clock until each has taken exactly so much longer,
so that the slowdown is what it says in every phase, at every size and in every sample, whatever else disturbs it.
On a GPU, where a call returns before its work is done, the queue gets a wait of so much of the call's own time as
well: then a call is slower by that share whether its work or its launches take longer.

Known weakness: it stretches a call with its noise, as a slower kernel would, but touches neither caches nor
memory, as a slower kernel might. A GPU's wait is timed once, before the first call.
"""

from pathlib import Path

WORKLOADS = Path("bench", "workloads.py")

ADDITION = '''

_undisturbed = build


def build(cell):
    """As before; each call of {variant} takes {fraction} of its own time longer."""
    import dataclasses

    workload = _undisturbed(cell)
    if cell.variant != {variant!r}:
        return workload
    if cell.device != "cuda":
        slower = _waiting(workload.enqueue, lambda: None)
        return dataclasses.replace(workload, run=slower, enqueue=slower)
    slower = _waiting(workload.enqueue, _wait_of_device(workload.enqueue))
    return dataclasses.replace(workload, run=_synchronised(slower), enqueue=slower)


def _waiting(work, after):
    """`work`, a wait of {fraction} of its time, and `after`."""
    import time

    def slower():
        begin = time.perf_counter()
        result = work()
        end = begin + (time.perf_counter() - begin) * (1 + {fraction!r})
        while time.perf_counter() < end:
            pass
        after()
        return result

    return slower


def _wait_of_device(work):
    """A call that queues a wait of {fraction} of the time between two calls of `work` in a row."""
    import statistics

    def seconds(call, times=10):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
        for _ in range(times):
            call()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / 1e3 / times

    own = statistics.median(seconds(work) for _ in range(5))
    cycle = seconds(lambda: torch.cuda._sleep(1_000_000)) / 1_000_000
    cycles = round({fraction!r} * own / cycle)
    return lambda: torch.cuda._sleep(cycles)
'''


def slow_down(checkout: Path, variant: str, fraction: float) -> None:
    """Makes every call of a model ("urnn:cpu") in that copy take `fraction` (0.05: 5 %) of its time longer."""
    with (checkout / WORKLOADS).open("a") as file:
        file.write(ADDITION.format(variant=variant, fraction=fraction))
