"""The tables of the ladders and of the efficiency.

Known weakness: a ladder's table has a row for each rung, size and number of layers, which is long; the page folds
it away and can filter it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from analysis import units
from analysis.ladder import Place, Rung, climbs, label
from analysis.report.tables import Cell, Table
from analysis.schema import CEILING_LABELS, PHASE_LABELS
from analysis.statistics import Estimate

LADDER_PHASES = ("train", "forward")


def ladder(cells: pd.DataFrame, model: str) -> Table:
    """One row a size, number of layers and rung: step time and gains, in training and in inference."""
    found = climbs(cells, model)
    every = next(iter(found.values()))
    rows = []
    for place in dict.fromkeys(replace(place, phase="") for place in found):
        climbed = [found.get(replace(place, phase=phase)) for phase in LADDER_PHASES]
        for number, named in enumerate(every):
            rungs = [climb[number] if climb else Rung(named.name, named.label) for climb in climbed]
            answers = [cell for rung in rungs for cell in _rung_cells(rung)]
            rows.append([Cell(named.label, number), *_place_cells(place), *answers])
    headings = [("Rung", False), ("n", True), ("B", True), ("Layers", True)]
    for phase in LADDER_PHASES:
        headings += [(f"{PHASE_LABELS[phase]}, per time step", True), ("over the rung before", True)]
        headings += [("over the first rung", True)]
    return Table(f"Every rung of the {label(model)}", headings, rows)


def _place_cells(place: Place) -> list[Cell]:
    return [Cell(str(size), size) for size in (place.hidden_size, place.batch, place.num_layers)]


def _rung_cells(rung: Rung) -> list[Cell]:
    """Step time, gain over the rung before, gain over the first."""
    if rung.time is None:
        nothing = Cell("", math.inf)
        return [Cell(rung.outcome, math.inf, rung.message, "none"), nothing, nothing]
    note = f"{units.seconds(rung.time.low)} to {units.seconds(rung.time.high)}"
    note += f"\nunstable: {rung.unstable}" if rung.unstable else ""
    before = _gain(rung.over_previous, f"\nover '{rung.previous}'" if rung.skips else "")
    first = _gain(rung.over_first) if rung.over_first else Cell(units.NOT_MEASURED, math.inf, tone="none")
    return [Cell(units.seconds(rung.time.value), rung.time.value, note), before, first]


def _gain(found: Estimate | None, also: str = "") -> Cell:
    """A gain with its interval; nothing where there is nothing to compare with."""
    if found is None:
        return Cell("", math.inf)
    value, low, high = (units.ahead_or_behind(factor) for factor in (found.value, found.low, found.high))
    return Cell(value, found.value, f"{low} to {high}{also}" if found.low < found.high else also.lstrip())


def efficiency(shares: pd.DataFrame, fixed: str) -> Table:
    """One row a backend of the uRNN and hidden size, with its share of either ceiling."""
    cells: dict[tuple[str, str, str, int], dict[str, Cell]] = {}
    for row in shares.itertuples():
        key = (row.model, row.backend, row.series, row.hidden_size)
        cells.setdefault(key, {})[row.ceiling] = _share_cell(row)
    missing = Cell(units.NOT_MEASURED, math.inf, tone="none")
    rows = [
        [Cell(series, series.lower()), Cell(str(size), size)]
        + [answers.get(ceiling, missing) for ceiling in CEILING_LABELS]
        for (_, _, series, size), answers in cells.items()
    ]
    headings = [("Backend", False), ("n", True), *((name, True) for name in CEILING_LABELS.values())]
    ids = [f"{model}:{backend}" for model, backend, _, _ in cells]
    return Table(f"Shares of a step's time in inference, at {fixed}", headings, rows, ids)


def _share_cell(row: Any) -> Cell:
    note = f"{units.per_cent(row.low)} to {units.per_cent(row.high)}"
    return Cell(units.per_cent(row.value), row.value, note)
