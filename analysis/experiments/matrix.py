"""The matrix that opens the page: tasks x models, each cell what the model did there and how it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from analysis import units
from analysis.appearance import order
from analysis.experiments.schema import DIVERGED
from analysis.experiments.standing import ALONE, BEHIND, COMPARED, LEADING
from analysis.experiments.verdicts import NOT_ENDED, NOT_FINISHED, NOT_SOLVED, PARTLY, PLACE, brief
from analysis.pages import Cell, Column, Table, between
from analysis.statistics import Estimate
from analysis.units import NOT_MEASURED
from analysis.vocabulary import counted

TONES = {
    **dict.fromkeys(LEADING, "ahead"),
    **dict.fromkeys((BEHIND, NOT_SOLVED, DIVERGED), "behind"),
    **dict.fromkeys((NOT_FINISHED, PARTLY), "crosses"),
    ALONE: "",
    NOT_ENDED: "none",
}


def matrix(standing: pd.DataFrame) -> Table:
    """Rows of `standing` -> a row a place, a column a model."""
    models = order(standing["model"])
    labels = standing.drop_duplicates("model").set_index("model")["label"]
    rows = []
    for number, (_, here) in enumerate(standing.groupby(PLACE, sort=False)):
        cells = {group.model: _cell(group) for group in here.itertuples()}
        first = here.iloc[0]
        measure = "seconds to solve" if first["by_seconds"] else first["score_name"]
        absent = Cell(NOT_MEASURED, np.inf, tone="none")
        rows.append([Cell(first["place"], number, measure), *(cells.get(model, absent) for model in models)])
    return Table(
        "Tasks and models", [Column("Task"), *(Column(labels[one]) for one in models)], rows, style="matrix"
    )


def seconds(value: float) -> str:
    """Seconds in one unit, because they are to be held against each other."""
    return f"{units.significant(value)} s"


def result(group: Any) -> tuple[str, float]:
    """What a group is compared by, in words and as what it is sorted by: '0.908 s, best' or 'not finished'."""
    measure, text = _compared(group)
    if not measure or (group.by_seconds and group.mark not in COMPARED):
        return group.mark, np.inf
    said = text(measure.value) + f", {group.mark}" * (group.mark != ALONE)
    return said, measure.value if group.by_seconds else -measure.value


def _compared(group: Any) -> tuple[Estimate | None, Callable[[float], str]]:
    if group.by_seconds:
        return group.seconds, seconds
    return (group.score if group.ended else None), units.share


def _cell(group: Any) -> Cell:
    notes = [*(_notes(group) if group.ended else []), f"{group.parameters:,} parameters"]
    return Cell(*result(group), "\n".join(filter(None, notes)), TONES[group.mark])


def _notes(group: Any) -> list[str]:
    measure, text = _compared(group)
    interval = between(measure.low, measure.high, text) if measure else ""
    number = f"{group.met} of {counted(group.seeds, 'seed')}"
    alone = "no other was run" * (group.mark == ALONE)
    if not group.by_seconds:
        after = f" after {seconds(group.seconds.value)}" if group.seconds else ""
        return [interval, f"goal: {number}{after}" if group.goal else counted(group.seeds, "seed"), alone]
    if group.mark in COMPARED:
        times = f"{units.factor(group.times)} times the best" if group.mark == BEHIND else ""
        return [interval, number, times, alone]
    of_those = f"{seconds(measure.value)} where solved" if measure else ""
    score = f"score {units.share(group.score.value)}" if group.score and not group.met else ""
    rest = f"others {group.rest}" * (group.mark == PARTLY)
    return [number, of_those, rest, brief(group.rest, group.share), score]
