"""The thresholds of the gate, stated in one place.

Why: they are published with its calibration, and every table quotes them. The two stages share the work: the
screening looks at every cell and may suspect too many; the confirmation measures the suspects afresh, a number of
passes fixed beforehand, and is judged once. As the suspects were chosen by other data, the family of tests is the
suspects alone, and its level holds however often the screening looked.

Known weakness: a slowdown below `floor` is never called, however sure it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.regressions.verdict import INSTRUCTIONS
from analysis.vocabulary import OPERATORS, PARAMETERS, PEAK_ALLOCATED, SAVED_FOR_BACKWARD


@dataclass(frozen=True)
class Rules:
    """Fractions of a time, and levels of tests.

    Attributes:
        floor: a smaller mean slowdown is no regression.
        tolerated: a cell passes once its interval ends below this.
        level: chance that any cell of a run is called regressed (or faster) without a change.
        suspect_floor, suspect_level: what the screening hands to the confirmation, one-sided.
    """

    floor: float = 0.02
    tolerated: float = 0.05
    level: float = 0.01
    suspect_floor: float = 0.01
    suspect_level: float = 0.1

    @property
    def log_floor(self) -> float:
        return math.log1p(self.floor)

    @property
    def log_tolerated(self) -> float:
        return math.log1p(self.tolerated)

    @property
    def log_suspect_floor(self) -> float:
        return math.log1p(self.suspect_floor)


RULES = Rules()

# Deterministic figures: an increase beyond this fraction is a regression, with no statistics.
MARGINS: dict[str, float] = {
    PEAK_ALLOCATED: 0.01,
    SAVED_FOR_BACKWARD: 0.001,
    OPERATORS: 0.01,
    INSTRUCTIONS: 0.01,
    PARAMETERS: 0.0,
}
