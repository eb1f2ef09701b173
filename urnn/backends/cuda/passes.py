"""How many units a thread holds, and the passes that a transform is cut into, for each size that the kernels have.

A size is a product of 2, 3 and 5. A pass is one radix of butterflies.h, for all of a sample's units; between two
passes threads exchange units, and wait for each other, which takes longer than the arithmetic. In the first pass
and the last a thread has units of its own, so that their radices divide the number of units that it holds; in
others the sample's threads take butterflies in turn (fourier.h). A power of two has passes of as many legs as a
thread has units and a last one of the rest. Any other size has the fewest passes that leave a thread registers
enough; above 2048 units, where few do, lacking registers count as passes. Of these it has those that need the
fewest registers, and then those that leave the fewest threads idle. Known weakness: what registers are needed is a
rule of thumb, of float32's backward pass as compiled, with tables in shared memory.
"""

from collections.abc import Iterator
from functools import cache

SMALLEST, LARGEST = 4, 4096
PRIMES = (2, 3, 5)
POWERS_OF_TWO = tuple(2**power for power in range(2, 13))  # those between the two
RADICES = (15, 12, 10, 9, 8, 6, 5, 4, 3, 2)
# Units that a thread can hold where few, some or many are wanted: 2, 4 or 8 of a power of two.
HELD = {2: (2, 3), 4: (4, 3, 5, 6), 8: (8, 6, 9, 10)}
MOST_THREADS = 1024  # per block
REGISTERS, MOST_REGISTERS = 65536, 255  # of a multiprocessor, and of a thread
A_PASS = 16  # lacking registers that are taken to cost as much as one pass more
WARP = 32


def fits(n: int) -> bool:
    """Whether there is a kernel for n units."""
    if not SMALLEST <= n <= LARGEST:
        return False
    for prime in PRIMES:
        while n % prime == 0:
            n //= prime
    return n == 1


def nearest(n: int) -> tuple[int, ...]:
    """The sizes next to n that have a kernel: one below and one above, where there are such."""
    below = next((size for size in range(min(n, LARGEST), SMALLEST - 1, -1) if fits(size)), None)
    above = next((size for size in range(max(n, SMALLEST), LARGEST + 1) if fits(size)), None)
    return tuple(size for size in (below, above) if size is not None)


def is_power_of_two(n: int) -> bool:
    """Whether n is; of positive numbers."""
    return n & (n - 1) == 0


def span(lanes: int) -> int:
    """A sample's threads if so many of them hold units: full warps, or an even share of one."""
    share = 1
    while share < min(lanes, WARP):
        share *= 2
    return -(-lanes // share) * share


@cache
def held(n: int, wanted: int) -> int:
    """Units that a thread holds of n where 2, 4 or 8 are wanted."""
    if is_power_of_two(n):
        return min(wanted, n // 2)
    possible = [units for units in HELD[wanted] if _can_hold(n, units)]
    possible = possible or [units for near in HELD.values() for units in near if _can_hold(n, units)]

    def cost(units: int) -> tuple[tuple[int, ...], int, float]:
        *of_passes, _ = _cost(n, units, radices(n, units))
        return tuple(of_passes), span(n // units) * units, max(units / wanted, wanted / units)

    return min(possible, key=cost)


@cache
def held_in_double(n: int) -> int:
    """Units that a thread holds in the kernels that make tables and gradients: few, for at most 640 threads."""
    return next(units for units in range(2, n + 1) if n % units == 0 and n // units <= 640)


def _can_hold(n: int, units: int) -> bool:
    return n % units == 0 and span(n // units) <= MOST_THREADS


@cache
def radices(n: int, units: int) -> tuple[int, ...]:
    """Those of a transform's passes, the first pass first, with so many units a thread; their product is n."""
    if is_power_of_two(n):
        return tuple(_by_halves(n, units))
    own = [1, *(radix for radix in RADICES if units % radix == 0)]
    whole = [(n,)] if n == units else []
    cuts = [
        (first, *middle, last)
        for first in own
        for last in own[1:]
        if n % (first * last) == 0
        for middle in _products(n // (first * last), RADICES)
    ]
    return min([*whole, *cuts], key=lambda cut: _cost(n, units, cut))


def _cost(n: int, units: int, cut: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The less the better, what comes first above all.

    Whether registers are lacking that there could be, what passes and lacking registers cost, the most numbers
    that a thread holds in one pass, and those in all of them.
    """
    threads = span(n // units)
    in_turn = [radix * -(-(n // radix) // threads) for radix in cut[1:-1]]
    widest = max([units, *in_turn])
    share = REGISTERS // (-(-threads // (4 * WARP)) * 4 * WARP)  # warps share four equal parts
    lacking = max(0, 14 * units + 3 * widest + 85 - min(share, MOST_REGISTERS))
    return lacking > 0 and n <= LARGEST // 2, A_PASS * len(cut) + lacking, widest, sum(in_turn)


def _by_halves(n: int, units: int) -> Iterator[int]:
    while n > 1:
        radix = min(n, units)
        yield radix
        n //= radix


def _products(n: int, radices: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """All products of radices that are n, each in descending order."""
    if n == 1:
        yield ()
    for place, radix in enumerate(radices):
        if n % radix == 0:
            for rest in _products(n // radix, radices[place:]):
                yield (radix, *rest)
