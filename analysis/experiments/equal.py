"""The comparison held at equal seconds and at equal parameters, as two small tables.

Time to solve says nothing of those that did not: at the moment when the first had solved a task, and at the last
that all were trained to, every model has a score. Sizes differ between models, so those with about as many
parameters as the uRNN stand beside it once more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis import units
from analysis.appearance import order
from analysis.experiments.matrix import TONES, result, seconds
from analysis.experiments.reached import ended_for_good, last_seconds, reached
from analysis.experiments.standing import ALONE, BEHIND, BEST, LEVEL, marks
from analysis.experiments.study import Study
from analysis.experiments.verdicts import NOT_ENDED, PLACE, brief
from analysis.pages import Cell, Column, Table, between
from analysis.statistics import Estimate
from analysis.units import NOT_MEASURED
from analysis.vocabulary import counted

SOLVED = "solved"
_TONES = {**TONES, SOLVED: TONES[LEVEL]}
ABOUT = 1.5  # times as many parameters, or as few


def at_equal_seconds(study: Study, standing: pd.DataFrame) -> Table:
    """Two rows a place, one where the moments are one; a column a model: its best validation score by then."""
    models = order(standing["model"])
    labels = standing.drop_duplicates("model").set_index("model")["label"]
    evaluations = study.with_runs(study.logs.evaluations)
    tracks = {group: track for group, track in evaluations.groupby("group") if group in set(standing["group"])}
    rows: list[list[Cell]] = []
    for _, here in standing.groupby(PLACE, sort=False):
        for moment, when in _moments(study, here[here["ended"]]).items():
            said = f"{here['score_name'].iloc[0]} after {seconds(moment)}: {when}"
            place = Cell(here["place"].iloc[0], len(rows), said)
            cells = _by(moment, here, tracks, _solved(study, here, moment))
            absent = _nothing(NOT_MEASURED)
            rows.append([place, *(cells.get(one, absent) for one in models)])
    columns = [Column("Task"), *(Column(labels[model]) for model in models)]
    return Table("Score at equal seconds", columns, rows, style="matrix")


def _solved(study: Study, here: pd.DataFrame, moment: float) -> set[str]:
    """The models of a place that had met a goal that ends training by a moment, with every seed.

    Training stopped there, so that their scores are not compared with one another.
    """
    runs = study.runs[study.runs["member"]]
    ends = {group: mine["solved_seconds"].max(skipna=False) for group, mine in runs.groupby("group")}
    return {one.model for one in here.itertuples() if one.ended and one.by_seconds and ends[one.group] <= moment}


def _by(
    moment: float, here: pd.DataFrame, tracks: Mapping[int, pd.DataFrame], solved: Collection[str]
) -> dict[str, Cell]:
    """What each model of a place had reached by a moment; behind who had solved it are all that had not."""
    nothing = tracks[next(iter(tracks))].iloc[:0]
    mine = {group.model: tracks.get(group.group, nothing) for group in here.itertuples() if group.ended}
    found = {model: _at(track, moment) for model, track in mine.items()}
    named = dict(zip(found, marks(list(found.values()), lower_is_better=False), strict=True))
    if solved:
        named = {model: SOLVED if model in solved else BEHIND for model in found}
    cells = {model: _cell(one, named[model]) for model, one in found.items() if one}
    over = {model: "stopped before" if last_seconds(mine[model]) < moment else "no score yet" for model in mine}
    return dict.fromkeys(here["model"], _nothing(NOT_ENDED)) | {one: _nothing(over[one]) for one in over} | cells


def _nothing(why: str) -> Cell:
    return Cell(why, np.inf, tone="none")


def _moments(study: Study, here: pd.DataFrame) -> dict[float, str]:
    """Seconds -> what they are: when the last seed of the best had solved the task, and how long all were trained.

    None where fewer than two models have ended.
    """
    if len(here) < 2:
        return {}
    runs = study.runs[study.runs["member"] & study.runs["group"].isin(here["group"])]
    solved = runs.groupby("group")["solved_seconds"].max()
    found = {
        float(solved[one.group]): f"{one.label} had solved it{_in_part(one)}"
        for one in here.itertuples()
        if one.mark == BEST and one.by_seconds
    }
    stopped = runs[~ended_for_good(runs)]
    if len(stopped):
        found.setdefault(float(stopped["seconds"].min()), "the limit of all")
    else:
        found.setdefault(float(runs["seconds"].max()), "all had ended")
    return dict(sorted(found.items()))


def _in_part(group: Any) -> str:
    return f" with {group.met} of {counted(group.seeds, 'seed')}" * (group.met < group.seeds)


def _at(track: pd.DataFrame, moment: float) -> Estimate | None:
    value, low, high = reached(track, [moment]).iloc[0]
    return None if np.isnan(value) else Estimate(value, *np.clip([low, high], 0, 1))


def _cell(one: Estimate, mark: str) -> Cell:
    said = units.share(one.value) + f", {mark}" * (mark != ALONE)
    return Cell(
        said, -one.value, between(one.low, one.high, units.share), TONES[LEVEL if mark == SOLVED else mark]
    )


def at_equal_parameters(standing: pd.DataFrame) -> Table:
    """A row for each model beside the uRNN at a place, with at most `ABOUT` times as many parameters or as few."""
    rows = []
    for _, here in standing.groupby(PLACE, sort=False):
        ours = next((group for group in here.itertuples() if group.model == "urnn"), None)
        if ours is None:
            continue
        near = [group for group in here.itertuples() if 1 / ABOUT <= group.parameters / ours.parameters <= ABOUT]
        rows += [_row(group) for group in near if len(near) > 1]
    columns = [Column("Task"), Column("Model"), Column("Parameters", "{:,}".format), Column("Result")]
    return Table("At about equal parameters", columns, rows, style="matrix")


def _row(group: Any) -> list[Any]:
    text, key = result(group)
    number = counted(group.seeds, "seed")
    known = [f"{group.met} of {number}", brief(group.rest, group.share)] if group.by_seconds else [number]
    note = "; ".join(filter(None, known)) if group.ended else ""
    return [
        Cell(group.place, group.Index),
        Cell(group.size),
        group.parameters,
        Cell(text, key, note, TONES[group.mark]),
    ]
