"""The figures of the report, each a pure function from summary rows to a matplotlib Figure.

A figure module has TITLE, CAPTION and `draw(cells, columns)`; one column means a narrow screen. Adding a
figure is a module and a row here.
"""

from __future__ import annotations

from types import ModuleType

from analysis.figures import (
    peak_memory_over_hidden_size,
    peak_memory_over_length,
    speed_up,
    step_time_over_hidden_size,
    step_time_over_length,
    time_against_memory,
)

FIGURES: tuple[ModuleType, ...] = (
    step_time_over_hidden_size,
    speed_up,
    step_time_over_length,
    peak_memory_over_hidden_size,
    peak_memory_over_length,
    time_against_memory,
)


def name(figure: ModuleType) -> str:
    """File name of a figure, without its ending."""
    return figure.__name__.rpartition(".")[2]
