"""The ladders of optimisation: what each rung gained over the first and over the one before it.

Why: a stage of an optimisation is worth what it gains on this machine, at this size, in this phase (Appleyard,
Kocisky and Blunsom 2016, arXiv 1604.01946, for the LSTM on a GPU). A rung that was not measured is kept in its
place, so that nobody takes its absence for a gain of nothing.

Known weakness: gains are of medians measured minutes apart; the intervals know nothing of a machine that slowed
down in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.results.registry import OLD_MODELS
from analysis.schema import backends_of
from analysis.statistics import Estimate, ratio
from analysis.units import NOT_MEASURED
from analysis.vocabulary import MEASURED, NOT_APPLICABLE, PHASES, STEP_TIME, counted

# The cell that speaks for a ladder in a sentence, or the nearest one to it.
ANCHOR = {"phase": "train", "num_layers": 1, "hidden_size": 128, "batch": 16}
CEILING_RUNGS = ("nn_lstm",)


class Place(NamedTuple):
    """Where a ladder was climbed: everything that its rungs have in common but the phase."""

    model: str
    task: str
    length: int
    hidden_size: int
    batch: int
    num_layers: int

    def size(self) -> str:
        """Hidden size and batch, for people."""
        return f"n = {self.hidden_size}, B = {self.batch}"

    def layers(self) -> str:
        """The number of layers, for people."""
        return counted(self.num_layers, "layer")


@dataclass(frozen=True)
class Rung:
    """One stage of a ladder: `time` in seconds per time step, and how many times as fast it is.

    `over_previous` is over the nearest rung before it that has a value; `skipping` is the label of that one where
    it is not the very one before. None is not measured: `outcome` then says what to write, and `message` why.
    """

    name: str
    label: str
    time: Estimate | None = None
    over_first: Estimate | None = None
    over_previous: Estimate | None = None
    skipping: str = ""
    outcome: str = NOT_MEASURED
    message: str = ""
    unstable: str = ""


Climb = tuple[Rung, ...]
Climbs = dict[Place, dict[str, Climb]]  # by place and phase


def models(cells: pd.DataFrame) -> list[str]:
    """The ladders of which a step time was measured: the uRNN's first, then by name."""
    measured = cells[(cells["metric"] == STEP_TIME) & (cells["outcome"] == MEASURED)]
    return sorted(set(measured["model"]), key=lambda model: (not model.startswith("urnn"), model))


def label(cells: pd.DataFrame, model: str) -> str:
    """Name of a ladder for people, also of one that was not measured."""
    found = cells.loc[cells["model"] == model, "label"]
    return str(found.iloc[0]) if len(found) else OLD_MODELS.get(model, {}).get("label", model)


def climbs(cells: pd.DataFrame, model: str) -> Climbs:
    """Summary rows of ladders -> the rungs of one at every place and in every phase, smallest first."""
    mine = cells[(cells["model"] == model) & (cells["metric"] == STEP_TIME)]
    found: Climbs = {}
    for phase in PHASES:
        for key, part in mine[mine["phase"] == phase].groupby([*Place._fields]):
            place = Place(*(value.item() if isinstance(value, np.generic) else value for value in key))
            found.setdefault(place, {})[phase] = _climb(part, backends_of(mine, model))
    return dict(sorted(found.items()))


def _climb(part: pd.DataFrame, labels: Mapping[str, str]) -> Climb:
    rows = {row["backend"]: row for _, row in part.iterrows()}
    known = {name: row for name, row in rows.items() if row["outcome"] == MEASURED}
    rungs: list[Rung] = []
    first, below = known.get(next(iter(labels))), None
    for name, label in labels.items():
        row = known.get(name)
        if row is None:
            rungs.append(_without_value(name, label, rows.get(name)))
            continue
        rung = Rung(
            name,
            label,
            Estimate(row["value"], row["low"], row["high"]),
            over_first=None if first is None else ratio(first, row),
            over_previous=None if below is None else ratio(below, row),
            skipping="" if below is None or rungs[-1].time else below["backend_label"],
            outcome=MEASURED,
            unstable=row["unstable"],
        )
        rungs.append(rung)
        below = row
    return tuple(rungs)


def _without_value(name: str, label: str, row: pd.Series | None) -> Rung:
    if row is None or row["outcome"] == NOT_APPLICABLE:
        return Rung(name, label, message="" if row is None else row["message"])
    return Rung(name, label, outcome=row["outcome"], message=row["message"] or row["outcome"])


def best(climb: Climb) -> Rung | None:
    """The rung that gained most over the first, the library's own kernel aside; None where none is known."""
    known = [rung for rung in climb[1:] if rung.over_first and rung.name not in CEILING_RUNGS]
    return max(known, key=lambda rung: rung.over_first.value, default=None)


def spoken(found: Climbs) -> tuple[Place, str] | None:
    """The place and phase nearest to the anchor at which a rung can be compared with the first; None without."""

    def distance(at: tuple[Place, str]) -> tuple[float, ...]:
        place, phase = at
        sizes = (abs(np.log(getattr(place, axis) / ANCHOR[axis])) for axis in ("hidden_size", "batch"))
        return (phase != ANCHOR["phase"], place.num_layers != ANCHOR["num_layers"], *sizes)

    known = [(place, phase) for place, phases in found.items() for phase, climb in phases.items() if best(climb)]
    return min(known, key=distance, default=None)
