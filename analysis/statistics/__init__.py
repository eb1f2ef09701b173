"""Medians, spreads, exponents, ratios and crossovers of one setting's measurements, each with an interval.

Every function here takes rows that were measured under one `Setting`; none pools machines, commits or
allocators.
"""

from analysis.statistics.bootstrap import Estimate, estimate, ratio
from analysis.statistics.curves import Crossover, Exponent, Outcome, crossover, exponent
from analysis.statistics.summary import fastest, summarise

__all__ = [
    "Crossover",
    "Estimate",
    "Exponent",
    "Outcome",
    "crossover",
    "estimate",
    "exponent",
    "fastest",
    "ratio",
    "summarise",
]
