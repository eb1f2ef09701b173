"""Deterministic figures of two sides: bytes and counts that are the same at every call, so a margin decides.

Known weakness: a figure that only one side's files hold is not compared; the row says so where head lacks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analysis.regressions.rules import MARGINS
from analysis.regressions.side import Side
from analysis.regressions.verdict import INSTRUCTIONS, Row, Verdict
from analysis.units import per_cent


def number_rows(base: Side, head: Side, cells: Iterable[str]) -> list[Row]:
    """A row for each cell and figure that base has."""
    return [
        _row(cell, metric, before, head.numbers.get(cell, {}).get(metric))
        for cell in cells
        if head.times.get(cell)
        for metric, before in base.numbers.get(cell, {}).items()
    ]


def instruction_rows(counted: Mapping[str, Mapping[str, Any]] | None) -> list[Row]:
    """A row for each cell whose instructions the gate counted, None where it counted none.

    `counted`: side -> {"counts": {cell: instructions}, "reason": why there are none}. Where neither side has
    them, the machine cannot count, which is not head's fault.
    """
    if not counted:
        return []
    before, after = (counted[side]["counts"] for side in ("base", "head"))
    if not before:
        excused = not after
        reason = counted["base"]["reason"] if excused else f"base: {counted['base']['reason']}"
        return [Row("(all)", INSTRUCTIONS, Verdict.NOT_MEASURED, reason=reason, excused=excused)]
    return [_row(cell, INSTRUCTIONS, number, after.get(cell)) for cell, number in before.items()]


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
