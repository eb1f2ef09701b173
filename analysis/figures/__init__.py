"""The drawings of the report, each a pure function from summary rows to a matplotlib Figure.

`draw(cells)` is for a wide screen, `draw(cells, 1)` for a narrow one. Their titles and captions are rows of
`analysis.report.figures`.
"""

from __future__ import annotations

from types import ModuleType


def name(figure: ModuleType) -> str:
    """File name of a figure that is a module, without its ending."""
    return figure.__name__.rpartition(".")[2]
