"""Deterministic figures of two sides: bytes and counts that are the same at every call, so a margin decides.

Known weakness: a figure that only one side's files hold is not compared; the row says so where head lacks it.
"""

from __future__ import annotations

from collections.abc import Iterable

from analysis.regressions.rules import MARGINS
from analysis.regressions.side import Side
from analysis.regressions.verdict import Row, Verdict
from analysis.units import per_cent


def figure_rows(base: Side, head: Side, cells: Iterable[str]) -> list[Row]:
    """A row for each cell and figure that base has."""
    return [
        _row(cell, metric, before, head.figures.get(cell, {}).get(metric))
        for cell in cells
        if head.times.get(cell)
        for metric, before in base.figures.get(cell, {}).items()
    ]


def _row(cell: str, metric: str, before: float, after: float | None) -> Row:
    if after is None:
        return Row(cell, metric, Verdict.NOT_MEASURED, before, reason="head's files do not hold it")
    margin = MARGINS[metric]
    ratio = after / before if before else (1.0 if after == before else float("inf"))
    if ratio > 1 + margin:
        allowed = f"more than {per_cent(margin)}" if margin else "any"
        reason = f"{allowed} increase is a regression"
        return Row(cell, metric, Verdict.REGRESSED, before, after, ratio, reason=reason)
    return Row(cell, metric, Verdict.PASS, before, after, ratio)
