"""Rungs of a ladder that nobody measured, as rows of their own.

Why: a rung that is missing from a table, one for another device say, would be taken for a gain of nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analysis.results.registry import Registry
from analysis.vocabulary import AXES, LADDER, NOT_APPLICABLE, STEP_TIME

SIZES = [axis for axis in AXES if axis != "backend"]
OWN = ("value", "statistic", "round", "parameters", "message")  # what one rung's row says and another's does not


def absent_rungs(rows: Iterable[Mapping[str, Any]], registry: Registry) -> list[dict[str, Any]]:
    """Rows of one file -> a row "not applicable" for each rung that a ladder lacks where other rungs stand."""
    climbed: dict[tuple[Any, ...], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("family") == LADDER and row["metric"] == STEP_TIME:
            climbed.setdefault(tuple(row[axis] for axis in SIZES), {}).setdefault(row["backend"], row)
    return [
        {**next(iter(there.values())), **dict.fromkeys(OWN), "outcome": NOT_APPLICABLE, "backend": rung}
        | registry.way(model, rung)
        for (model, *_), there in climbed.items()
        for rung in registry.backends(model)
        if rung not in there
    ]
