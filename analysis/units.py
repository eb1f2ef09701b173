"""Numbers with their units, as people read them: 1.25 µs, 3.4 MiB, 2.1 times.

The page, the Markdown, the figures' ticks and the command line round alike: to three significant digits, whatever
the spread; the interval beside a value shows how many are real.
"""

from __future__ import annotations

import math

TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
BYTE_UNITS = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
NOT_MEASURED = "not measured"
TIMES = "\N{MULTIPLICATION SIGN}"


def significant(value: float, digits: int = 3) -> str:
    """The number rounded to so many significant digits, in plain notation with commas between thousands."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, decimals)
    decimals = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(decimals, 0)}f}"


def _scaled(value: float, units: tuple[tuple[float, str], ...]) -> str:
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    # Half a digit below the unit still rounds up to it: 999.6 µs is 1.00 ms.
    scale, name = next((unit for unit in units if abs(value) >= unit[0] * 0.9995), units[-1])
    return f"{significant(value / scale)} {name}"


def seconds(value: float) -> str:
    """Seconds -> text in s, ms, µs or ns."""
    return _scaled(value, TIME_UNITS)


def binary_bytes(value: float) -> str:
    """Bytes -> text in B, KiB, MiB, GiB or TiB (powers of 1024)."""
    return _scaled(value, BYTE_UNITS)


def factor(ratio: float) -> str:
    """A ratio above or below 1 -> '2.4', '12', '130': two significant digits."""
    return significant(ratio, 2)


def ahead_or_behind(ratio: float) -> str:
    """A ratio -> '×2.4' above 1 and '÷12' below it, so that both directions read alike."""
    return f"{TIMES}{factor(ratio)}" if ratio >= 1 else f"÷{factor(1 / ratio)}"


def size(value: float) -> str:
    """An interpolated size (hidden units, parameters) -> two significant digits; no more are known."""
    text = significant(value, 2)
    return text.replace(",", "") if value < 10000 else text


def steps(number: int) -> str:
    """A T as papers print it: 1000, but 10,000."""
    return f"{number:,}" if number >= 10_000 else str(number)


def per_cent(fraction: float) -> str:
    """0.034 -> '3.4 %'."""
    return f"{significant(100 * fraction, 2)} %"


def share(fraction: float) -> str:
    """0.9523 -> '95.2 %', for shares whose digits are to stand below one another."""
    return f"{100 * fraction:.1f} %"


def tick(value: float, units: tuple[tuple[float, str], ...]) -> str:
    """The text of a tick, in TIME_UNITS or BYTE_UNITS: no trailing zeros."""
    scale, name = next((unit for unit in units if value >= unit[0] * (1 - 1e-9)), units[-1])
    return f"{value / scale:.3g} {name}"
