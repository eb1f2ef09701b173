"""The figures of the experiments, each a pure function from groups of runs to a matplotlib Figure.

As in `analysis.figures`: a module has TITLE, CAPTION and `draw(study, columns)`; adding a figure is a module and a
row here.
"""

from __future__ import annotations

from types import ModuleType

from analysis.experiments.figures import (
    anatomy,
    learning_curves_over_iterations,
    learning_curves_over_seconds,
    score_against_cost,
    score_over_seconds,
    time_to_solve,
)

FIGURES: tuple[ModuleType, ...] = (
    learning_curves_over_iterations,
    learning_curves_over_seconds,
    score_over_seconds,
    time_to_solve,
    score_against_cost,
    anatomy,
)
