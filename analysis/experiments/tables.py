"""The tables of the experiments: a row a group, and a row a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from analysis import units
from analysis.experiments.goals import NOT_RECORDED
from analysis.experiments.schema import FINISHED, NOT_FINISHED, PROTOCOLS, SOLVED
from analysis.experiments.study import SETTING, Study
from analysis.experiments.verdicts import NOT_ENDED, NOT_SOLVED, reason
from analysis.pages import Cell, Column, Table

NOTHING = Cell("", math.inf)
GIVEN = ("clip", "clip_norm", "initial")
OPTIMISER_LABELS = {"rmsprop": "RMSprop", "adam": "Adam", "sgd": "SGD"}


TEXTS: dict[str, Callable[[Any], str]] = {  # how the numbers of a column are written
    **dict.fromkeys(("Seed", "Seeds", "Solved"), str),
    **dict.fromkeys(("Parameters", "Iterations", "Iterations to solve", "Solved at"), "{:,.0f}".format),
    **dict.fromkeys(("Loss", "Iterations a second"), units.significant),
    **dict.fromkeys(("Seconds", "Seconds to solve"), units.seconds),
    "Of baseline": units.per_cent,
    "Score": units.share,
}


def _table(title: str, rows: list[dict[str, Any]], runs: pd.DataFrame | None = None, style: str = "") -> Table:
    """Rows of raw values or cells by their headings; `runs` are the runs or groups that they are of."""
    columns = [Column(heading, TEXTS.get(heading)) for heading in rows[0]] if rows else []
    series = [] if runs is None else list(runs["model"] + ":" + runs["backend"])
    return Table(title, columns, [list(row.values()) for row in rows], series, style)


def results(study: Study) -> Table:
    """One row a group: what it reached, and how soon it solved its task."""
    rows = [
        {
            "Task": Cell(group.place, group.group),
            "Model": _model(group),
            "Parameters": group.parameters,
            "Seeds": Cell(str(group.seeds), group.seeds, "not ended" * (not group.ended)),
            "Loss": group.loss or NOTHING,
            "Of baseline": group.loss.value / group.baseline if group.loss else NOTHING,
            "Score": group.score or NOTHING,
            "Solved": _solved(group),
            "Iterations to solve": group.solved_iteration or NOTHING,
            "Seconds to solve": group.solved_seconds or NOTHING,
            "Iterations a second": group.iterations_per_second or NOTHING,
        }
        for group in study.groups.itertuples()
    ]
    names = study.drawn["backend"].reindex(study.groups.index).fillna(study.groups["backend"])
    return _table("Results across seeds", rows, study.groups.assign(backend=names), "compact results")


def _model(group: Any) -> Cell:
    """Its name and how it was trained: batch, the way the sequence was run, and what a run is given."""
    name = f"{group.size} ({group.apart})" if group.apart else group.size
    settings = f"{PROTOCOLS[group.protocol]}: B = {group.batch}, {group.implementation}; {given(group)}"
    return Cell(name, group.size.lower(), settings)


def given(row: Any) -> str:
    """Optimiser, learning rates, clipping and first values."""
    slow = "" if pd.isna(row.slow_rate) or row.slow_rate == 1 else f", {row.slow_rate:g} of it"
    share = f"{slow} for the recurrent step" if slow else ""
    words = [f"{OPTIMISER_LABELS.get(row.optimiser, row.optimiser)} {row.learning_rate:g}{share}"]
    words += [SETTING[name].format(getattr(row, name)) for name in GIVEN if not pd.isna(getattr(row, name))]
    return "; ".join(words)


def _solved(group: Any) -> Cell:
    """How many seeds met the goal; where none did, the verdict and what the runs had."""
    if not group.goal:
        return Cell(NOT_RECORDED, math.inf, tone="none")
    if not group.ended:
        return Cell(NOT_ENDED, math.inf, tone="none")
    counted = f"{group.met} of {group.seeds}"
    if group.met == group.seeds:
        return Cell(counted, 0, tone="ahead")
    within = f"within {group.iterations:,} iterations"
    note = "\n".join(filter(None, [within, reason(group.rest, group.share)]))
    tone = "behind" if group.word == NOT_SOLVED else "crosses"
    return Cell(counted if group.met else group.word, group.seeds - group.met, note, tone)


def runs(study: Study) -> Table:
    """One row a run, however it ended."""
    rows = [
        {
            "Task": run.place,
            "Model": f"{run.label}-{run.hidden_size}",
            "Seed": run.seed,
            "Outcome": run.outcome,
            "Iterations": run.iterations,
            "Seconds": run.seconds,
            "Loss": _loss(run),
            "Score": run.score,
            "Solved at": NOTHING if pd.isna(run.solved_iteration) else run.solved_iteration,
        }
        for run in study.runs.itertuples()
    ]
    return _table("Every run", rows, study.runs)


def _loss(run: Any) -> Any:
    if pd.isna(run.loss) or pd.isna(run.scored_on):
        return run.loss
    return Cell(units.significant(run.loss), run.loss, f"on {run.scored_on} data")


def troubled(study: Study) -> Table:
    """Runs that did not come to an end of their own, with what they say of it."""
    found = study.logs.runs[~study.logs.runs["outcome"].isin([SOLVED, FINISHED, NOT_FINISHED])].fillna(
        {"message": ""}
    )
    rows = found[["run", "outcome", "iterations", "message"]].rename(columns=str.capitalize).to_dict("records")
    return _table("Runs without a regular end", rows)
