"""The tables of the experiments: the paper's statements, a row a group, and a row a run."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from analysis import units
from analysis.experiments.claims import AGREE, DIFFER, NOT_RUN
from analysis.experiments.goals import NOT_RECORDED
from analysis.experiments.schema import FINISHED, SOLVED
from analysis.experiments.study import Study
from analysis.pages import Cell, Column, Table

TONES = {AGREE: "ahead", DIFFER: "crosses", NOT_RUN: "none"}
NOTHING = Cell("", math.inf)
OPTIMISER_LABELS = {"rmsprop": "RMSprop", "adam": "Adam", "sgd": "SGD"}


def _whole(number: float) -> str:
    return f"{number:,.0f}"


RESULTS = (
    *map(Column, ("Task", "Model")),
    Column("Parameters", _whole),
    Column("Seeds", str),
    Column("Loss", units.significant),
    Column("Of baseline", units.per_cent),
    Column("Score", units.share),
    Column("Solved", str),
    Column("Iterations to solve", _whole),
    Column("Seconds to solve", units.seconds),
    Column("Iterations a second", units.significant),
)
RUNS = (
    *map(Column, ("Task", "Model")),
    Column("Seed", str),
    Column("Outcome"),
    Column("Iterations", _whole),
    Column("Seconds", units.seconds),
    Column("Loss", units.significant),
    Column("Score", units.share),
    Column("Solved at", _whole),
)


def statements(claims: pd.DataFrame) -> Table:
    """What the paper says, what was measured, and the verdict, in the paper's order."""
    rows = [
        [
            Cell(claim.says, claim.Index, f"{claim.source}; tested: {claim.test}"),
            claim.measured or units.NOT_MEASURED,
            Cell(claim.verdict, claim.verdict, tone=TONES[claim.verdict]),
        ]
        for claim in claims.itertuples()
    ]
    columns = [*map(Column, ("The paper says", "Measured here", "Verdict"))]
    return Table("The paper's statements", columns, rows, style="statements")


def results(study: Study) -> Table:
    """One row a group: what it reached, and how soon it solved its task."""
    rows = [
        [
            Cell(group.place, group.group),
            _model(group),
            group.parameters,
            Cell(str(group.seeds), group.seeds, "not ended" * (not group.ended)),
            group.loss or NOTHING,
            group.loss.value / group.baseline if group.loss else NOTHING,
            group.score or NOTHING,
            _solved(group),
            group.solved_iteration or NOTHING,
            group.solved_seconds or NOTHING,
            group.iterations_per_second or NOTHING,
        ]
        for group in study.groups.itertuples()
    ]
    identities = list(study.groups["model"] + ":" + study.groups["backend"])
    return Table("Results across seeds", RESULTS, rows, identities, "compact results")


def _model(group: Any) -> Cell:
    """Its name and how it was trained: batch, the way the sequence was run, optimiser and learning rates."""
    name = f"{group.size}{group.series.removeprefix(group.label)}"
    slow = "" if pd.isna(group.slow_rate) or group.slow_rate == 1 else f", {group.slow_rate:g} of it"
    share = f"{slow} for the recurrent step" if slow else ""
    rate = f"{OPTIMISER_LABELS.get(group.optimiser, group.optimiser)} {group.learning_rate:g}{share}"
    return Cell(name, group.size.lower(), f"B = {group.batch}, {group.implementation}; {rate}")


def _solved(group: Any) -> Cell:
    """How many seeds met the goal; 'not solved' is said, and within how many iterations."""
    if not group.goal or not group.ended:
        return Cell("not known" if group.goal else NOT_RECORDED, math.inf, tone="none")
    counted = f"{group.met} of {group.seeds}"
    if group.met == group.seeds:
        return Cell(counted, 0, tone="ahead")
    within = f"within {group.iterations:,} iterations"
    return Cell(counted if group.met else "not solved", group.seeds - group.met, within, "crosses")


def runs(study: Study) -> Table:
    """One row a run, however it ended."""
    rows = [
        [
            run.place,
            f"{run.label}-{run.hidden_size}",
            run.seed,
            run.outcome,
            run.iterations,
            run.seconds,
            _loss(run),
            run.score,
            NOTHING if pd.isna(run.solved_iteration) else run.solved_iteration,
        ]
        for run in study.runs.itertuples()
    ]
    return Table("Every run", RUNS, rows, list(study.runs["model"] + ":" + study.runs["backend"]))


def _loss(run: Any) -> Any:
    if pd.isna(run.loss) or pd.isna(run.scored_on):
        return run.loss
    return Cell(units.significant(run.loss), run.loss, f"on {run.scored_on} data")


def troubled(study: Study) -> Table:
    """Runs that did not come to an end of their own, with what they say of it."""
    found = study.logs.runs[~study.logs.runs["outcome"].isin([SOLVED, FINISHED])]
    rows = found[["run", "outcome", "iterations", "message"]].fillna({"message": ""}).to_numpy().tolist()
    columns = [Column("Run"), Column("Outcome"), Column("Iterations", _whole), Column("Message")]
    return Table("Runs without a regular end", columns, rows)
