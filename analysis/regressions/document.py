"""The comparison as JSON, for machines: what the gate reads to go on measuring, and what CI may keep.

Known weakness: a ratio to a base of zero is written as null, as JSON has no infinity.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict

from analysis.regressions.comparison import Comparison
from analysis.regressions.verdict import Row, counts
from analysis.vocabulary import VERDICTS_FORMAT


def document(comparison: Comparison) -> str:
    """Times in seconds per time step, ratios head over base."""
    content = {
        "format": VERDICTS_FORMAT,
        "exit_code": comparison.outcome.code,
        "sentence": comparison.outcome.sentence,
        "base": asdict(comparison.base),
        "head": asdict(comparison.head),
        "counts": {verdict.value: number for verdict, number in counts(comparison.rows).items()},
        "rows": [_row(row) for row in comparison.rows],
        "notes": list(comparison.notes),
        "again": comparison.again,
        "commands": dict(comparison.commands),
        "open": list(comparison.open),
        "suspects": list(comparison.suspects),
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _row(row: Row) -> dict[str, object]:
    values = asdict(row) | {"verdict": row.verdict.value}
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
