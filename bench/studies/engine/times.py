"""Times and memory of calls that are to be held against each other, by the benchmark's meters.

The calls take turns, so that whatever the machine does meanwhile meets them all, and ratios of one round are
paired. A turn is one call that is not timed, which finds the caches as another has left them, and then as many as
take some milliseconds.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from bench.meters.memory import peak_allocated_bytes
from bench.meters.warm_up import warm_up

TURN_SECONDS = 0.005
MOST_CALLS = 50

Key = TypeVar("Key")


def in_turns(
    calls: Mapping[Key, Callable[[], object]],
    rounds: int,
    warm: float = 0.2,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Key, list[float]]:
    """Seconds per call of each, round by round; each is warmed up for so many seconds first."""
    known = {key: warm_up(call, seconds=warm, clock=clock).warm_call for key, call in calls.items()}
    repeats = {
        key: min(MOST_CALLS, max(1, math.ceil(TURN_SECONDS / max(one, 1e-9)))) for key, one in known.items()
    }
    found: dict[Key, list[float]] = {key: [] for key in calls}
    for _ in range(rounds):
        for key, call in calls.items():
            call()
            begun = clock()
            for _ in range(repeats[key]):
                call()
            found[key].append((clock() - begun) / repeats[key])
    return found


def peaks(calls: Mapping[Key, Callable[[], object]]) -> dict[Key, int]:
    """The most bytes that a call of each, warm already, holds at a time."""
    return {key: peak_allocated_bytes(call, "cpu") for key, call in calls.items()}
