"""How many times as fast, or as small, one measurement is as another.

Known weakness: the two are taken as independent; a slow minute of the machine that hit only one of them is
not seen.
"""

from __future__ import annotations

from typing import Any

from analysis.statistics.bootstrap import Estimate, estimate


def ratio(numerator: Any, denominator: Any) -> Estimate:
    """Summary rows -> numerator over denominator, with the interval of the ratio of their replicates."""
    draws = numerator["replicates"] / denominator["replicates"]
    return estimate(float(numerator["value"] / denominator["value"]), draws)
