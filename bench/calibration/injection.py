"""A known slowdown, written into a temporary copy of the checkout and nowhere else.

The copy's workloads run one model's calls and then wait on the clock until each has taken exactly so much longer,
so that the slowdown is what it says in every phase, at every size and in every sample, whatever else disturbs it.

Known weakness: it stretches a call with its noise, as a slower kernel would, but touches neither caches nor
memory, as a slower kernel might.
"""

from pathlib import Path

WORKLOADS = Path("bench", "workloads.py")

ADDITION = '''

_undisturbed = build


def build(cell):
    """As before; each call of {variant} takes {fraction} of its own time longer."""
    import dataclasses
    import time

    workload = _undisturbed(cell)
    if cell.variant != {variant!r}:
        return workload

    def slower():
        begin = time.perf_counter()
        result = workload.run()
        end = begin + (time.perf_counter() - begin) * (1 + {fraction!r})
        while time.perf_counter() < end:
            pass
        return result

    return dataclasses.replace(workload, run=slower)
'''


def slow_down(checkout: Path, variant: str, fraction: float) -> None:
    """Makes every call of a model ("urnn:cpu") in that copy take `fraction` (0.05: 5 %) of its time longer."""
    with (checkout / WORKLOADS).open("a") as file:
        file.write(ADDITION.format(variant=variant, fraction=fraction))
