"""Ratios with their intervals -> short texts for a page, which `templates/explorer/ratios.js` reads.

A page of a full grid has some thirty thousand of them, which as decimal numbers would be a third of it. Logarithms
are written to the base 90, in the printable characters that neither JSON nor HTML escapes, with three digits each:

- " ": there is no ratio.
- "!" and the ratio: one whose interval has no width.
- the ratio and both bounds.

Where a reader can divide two values itself the ratio is left out, so that "!" stands alone or two bounds are left.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from analysis.statistics import Estimate

DIGITS = "".join(chr(code) for code in range(35, 127) if chr(code) not in "<\\")
BASE, PLACES = len(DIGITS), 3
LEVELS = BASE**PLACES - 2  # an even number, so that 1 is the one in the middle
WIDEST = 20.0  # of a logarithm: a factor of five hundred million
NONE, EXACT = " ", "!"


def packed(one: Estimate | None, with_ratio: bool = True) -> str:
    """The text of one ratio; bounds are rounded outwards, unless an interval without 1 would then include it."""
    if one is None or not (one.value > 0 and one.low > 0 and max(one.value, one.high) < math.inf):
        return NONE
    ratio = _written(_level(one.value, round)) if with_ratio else ""
    if one.low == one.high == one.value:
        return EXACT + ratio
    low = _level(one.low, math.ceil if one.low > 1 and _level(one.low, math.floor) <= LEVELS / 2 else math.floor)
    high = _level(
        one.high, math.floor if one.high < 1 and _level(one.high, math.ceil) >= LEVELS / 2 else math.ceil
    )
    return ratio + _written(low) + _written(high)


def _level(number: float, rounded: Callable[[float], int]) -> int:
    """The logarithm as a level."""
    level = rounded((math.log(number) / WIDEST + 1) / 2 * LEVELS)
    return min(max(level, 0), LEVELS)


def _written(level: int) -> str:
    return "".join(DIGITS[level // BASE**place % BASE] for place in reversed(range(PLACES)))
