"""The calls before the calls that count.

The harnesses time repeated calls well, but not the first one, which pays for lazy initialisation, page faults
and compilation; it is timed here and reported apart. Known weakness: a call that takes longer than half a second
counts as warm after the first.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class WarmUp:
    """What happened before measuring: the first call's seconds, and a warm call's (the fastest one seen)."""

    first_call: float
    warm_call: float
    calls: int


def warm_up(
    run: Callable[[], object],
    *,
    seconds: float,
    at_least: int = 2,
    enough: float = 0.5,
    clock: Callable[[], float] = time.perf_counter,
) -> WarmUp:
    """Calls `run` at least `at_least` times and until `seconds` have passed, and times each call.

    Once `enough` seconds have passed it stops whatever `at_least` says: the first call's extras are small then.
    """
    durations: list[float] = []
    start = clock()
    while (passed := clock() - start) < seconds or (len(durations) < at_least and passed < enough):
        before = clock()
        run()
        durations.append(clock() - before)
    return WarmUp(durations[0], min(durations[1:], default=durations[0]), len(durations))


def calls_a_round(warm_call: float, *, at_least: float = 1e-3) -> int:
    """How many calls to time at once, so that a round takes `at_least` so many seconds."""
    return 1 if warm_call >= at_least else math.ceil(min(at_least / max(warm_call, 1e-9), 1000))


def rounds_within(warm_call: float, *, seconds: float, at_least: int, at_most: int = 30) -> int:
    """How many calls to time: what fits into `seconds`, but never fewer than `at_least`."""
    affordable = at_most if warm_call * at_most <= seconds else int(seconds / warm_call)
    return max(at_least, min(at_most, affordable))
