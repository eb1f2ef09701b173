"""Medians, spreads, exponents, ratios and crossovers of the rows of one `Setting`, each with an interval."""

from analysis.statistics.bootstrap import Estimate, estimate, ratio, ratio_between_settings
from analysis.statistics.curves import Crossover, Exponent, Lead, crossover, exponent
from analysis.statistics.summary import summarise
from analysis.statistics.ways import at_best, fastest

__all__ = [
    "Crossover",
    "Estimate",
    "Exponent",
    "Lead",
    "at_best",
    "crossover",
    "estimate",
    "exponent",
    "fastest",
    "ratio",
    "ratio_between_settings",
    "summarise",
]
