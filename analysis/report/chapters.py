"""What stands beside the comparison of models: how near the uRNN is to the machine's ceilings, and the ladders.

Why: neither is a model to compare, so neither may appear among the models; each has a sentence made from the
data, its figures and its tables, or says that it was not measured and which command measures it.

Known weakness: one sentence a ladder, at the cell nearest to n = 128, B = 16 with one layer in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pandas as pd

from analysis import efficiency, ladder, units
from analysis.figures import efficiency as efficiency_figure
from analysis.figures import ladder_lstm, ladder_urnn
from analysis.report import chapter_tables
from analysis.report.section import Section
from analysis.report.tables import Table
from analysis.schema import CEILING_LABELS
from analysis.statistics import Estimate

LADDER_FIGURES = {figure.MODEL: figure for figure in (ladder_urnn, ladder_lstm)}


@dataclass(frozen=True)
class Chapter:
    """One subject with its figures drawn from `cells`; `command` measures it where nothing was measured."""

    name: str
    title: str
    explain: str
    sentences: Sequence[str]
    cells: pd.DataFrame
    figures: Sequence[ModuleType]
    tables: Sequence[Table]
    command: str

    @property
    def measured(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.sentences)


def chapters(section: Section) -> list[Chapter]:
    """Every chapter of one setting, measured or not."""
    return [_efficiency(section), _ladders(section)]


def _efficiency(section: Section) -> Chapter:
    at = efficiency.place(section.cells, section.ceilings)
    found = efficiency.shares(section.cells, section.ceilings, at) if at else None
    return Chapter(
        name="efficiency",
        title="How near to what the machine can do",
        explain=(
            "A time step of the uRNN cannot do without two Fourier transforms and without writing its output. "
            "Both were measured alone, in the same run and at the same sizes; a share is their time over the time "
            "of a whole step."
        ),
        sentences=[_efficiency_sentence(section, found, at.over_hidden_size())] if at else [],
        cells=pd.concat([section.cells, section.ceilings]) if at else section.cells,
        figures=[efficiency_figure] if at else [],
        tables=[chapter_tables.efficiency(found, at.over_hidden_size())] if at else [],
        command="python -m bench run",
    )


def _efficiency_sentence(section: Section, found: pd.DataFrame, fixed: str) -> str:
    """The shares of the backend that speaks for the uRNN, at its largest size."""
    ours = found[found["backend"] == section.ours.backend]
    ours = found if ours.empty else ours
    here = ours[ours["hidden_size"] == ours["hidden_size"].max()]
    here = here[here["series"] == here["series"].iloc[0]]
    parts = [f"{_inside_sentence(CEILING_LABELS[row.ceiling])} {_share(row)}" for row in here.itertuples()]
    return (
        f"Inference of {here['series'].iloc[0]} at n = {here['hidden_size'].iloc[0]}, {fixed}: of the time of a "
        f"step, {' and '.join(parts)}."
    )


def _inside_sentence(label: str) -> str:
    return label[0].lower() + label[1:]


def _share(row: Any) -> str:
    bounds = Estimate(row.value, row.low, row.high)
    return f"would take {units.per_cent(bounds.value)}{_interval(bounds, units.per_cent)}"


def _interval(found: Estimate, text: Callable[[float], str]) -> str:
    low, high = text(found.low), text(found.high)
    return "" if low == high else f" (95 % interval {low} to {high})"


def _ladders(section: Section) -> Chapter:
    models = ladder.models(section.ladders)
    told = dict.fromkeys([*LADDER_FIGURES, *models]) if models else {}
    return Chapter(
        name="ladder",
        title="The ladders: what each step of optimisation gained",
        explain=(
            "The same model written again and again, each rung with one optimisation more than the one before it "
            "(Appleyard, Kocisky and Blunsom 2016), from the first thing one would write to the best known here. "
            "All rungs compute the same numbers."
        ),
        sentences=[_ladder_sentence(section.ladders, model) for model in told],
        cells=section.ladders,
        figures=[LADDER_FIGURES[model] for model in models if model in LADDER_FIGURES],
        tables=[chapter_tables.ladder(section.ladders, model) for model in models],
        command="python -m bench run --profile ladder",
    )


def _ladder_sentence(cells: pd.DataFrame, model: str) -> str:
    """How far up the best rung leads at the cell that speaks, and how far torch's own kernel stands from it."""
    climbs = ladder.climbs(cells, model)
    place = ladder.spoken(climbs)
    if place is None:
        measured = any(rung.time for climb in climbs.values() for rung in climb)
        why = (
            "no rung was measured beside the first one, so that no gain is known"
            if measured
            else units.NOT_MEASURED
        )
        return f"{ladder.label(model)}: {why}."
    climb = climbs[place]
    top = ladder.best(climb)
    where = f"{place.size()}, {place.layers()}, {'training' if place.phase == 'train' else 'inference'}"
    said = (
        f"{ladder.label(model)} at {where}: '{top.label}' is {units.factor(top.over_first.value)} times as fast "
        f"as '{climb[0].label}'{_interval(top.over_first, units.factor)}"
    )
    ceiling = next((rung for rung in climb if rung.name in ladder.CEILING_RUNGS and rung.over_first), None)
    return f"{said}; nn.LSTM is {units.factor(ceiling.over_first.value)} times as fast." if ceiling else f"{said}."
