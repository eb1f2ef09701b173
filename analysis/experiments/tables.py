"""The tables of the experiments: the paper's statements, a row a group, and a row a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis import units
from analysis.experiments.claims import AGREE, DIFFER, NOT_RUN, Answer, Claim
from analysis.experiments.goals import NOT_RECORDED
from analysis.experiments.groups import Group
from analysis.experiments.schema import FINISHED, SOLVED
from analysis.experiments.seeds import Across
from analysis.experiments.study import Study
from analysis.report.tables import Cell, Table

TONES = {AGREE: "ahead", DIFFER: "crosses", NOT_RUN: "none"}
NOTHING = Cell("", math.inf)
OPTIMISER_LABELS = {"rmsprop": "RMSprop", "adam": "Adam", "sgd": "SGD"}


def statements(claims: Sequence[Claim], answers: Sequence[Answer]) -> Table:
    """What the paper says, what was measured, and the verdict, in the paper's order."""
    rows = [
        [
            Cell(claim.says, number, f"{claim.source}; tested: {claim.test}"),
            Cell(answer.measured or units.NOT_MEASURED, answer.measured, tone="" if answer.measured else "none"),
            Cell(answer.verdict, answer.verdict, tone=TONES[answer.verdict]),
        ]
        for number, (claim, answer) in enumerate(zip(claims, answers, strict=True))
    ]
    return Table(
        "The paper's statements", [("The paper says", False), ("Measured here", False), ("Verdict", False)], rows
    )


def results(study: Study) -> Table:
    """One row a group: what it reached, and how soon it solved its task."""
    rows = [_result_row(number, group) for number, group in enumerate(study.groups)]
    headings = [
        *(("Task", False), ("Model", False), ("Parameters", True), ("Seeds", True), ("Loss", True)),
        *(("Of baseline", True), ("Score", True), ("Solved", True), ("Iterations to solve", True)),
        *(("Seconds to solve", True), ("Iterations a second", True)),
    ]
    ids = [f"{group.model}:{group.variant}" for group in study.groups]
    return Table("Results across seeds", headings, rows, ids)


def _result_row(number: int, group: Group) -> list[Cell]:
    loss = group.across("loss", logarithmic=True)
    speed = group.across("iterations_per_second", logarithmic=True)
    share = Cell(units.per_cent(loss.mean / group.fact("baseline")), loss.mean) if loss else NOTHING
    label = group.label.removeprefix(str(group.fact("label")))
    return [
        Cell(group.place.label, number),
        Cell(f"{group.size}{label}", group.size.lower(), _setting(group)),
        Cell(f"{group.fact('parameters'):,}", int(group.fact("parameters"))),
        Cell(str(group.seeds), group.seeds, "" if group.ended else "not ended"),
        _mean(loss, lambda value: units.significant(value)),
        share,
        _mean(group.across("score", least=0.0, most=1.0), lambda value: f"{100 * value:.1f} %"),
        _solved(group),
        _mean(group.across("solved_iteration", logarithmic=True), lambda value: f"{value:,.0f}"),
        _mean(group.across("solved_seconds", logarithmic=True), units.seconds),
        _mean(speed, units.significant),
    ]


def _setting(group: Group) -> str:
    """How it was trained: batch, the way the sequence was run, optimiser and learning rates."""
    slow = group.fact("slow_rate")
    share = "" if math.isnan(slow) or slow == 1 else f", {slow:g} of it for the recurrent step"
    optimiser = OPTIMISER_LABELS.get(group.fact("optimiser"), group.fact("optimiser"))
    rate = f"{optimiser} {group.fact('learning_rate'):g}{share}"
    return f"B = {group.fact('batch')}, {group.fact('backend')}; {rate}"


def _mean(found: Across | None, text: Any) -> Cell:
    if found is None:
        return NOTHING
    low, high = text(found.low), text(found.high)
    note = f"{low} to\n{high}" if found.seeds > 1 and low != high else ""
    return Cell(text(found.mean), found.mean, note)


def _solved(group: Group) -> Cell:
    """How many seeds met the goal; 'not solved' is said, and within how many iterations."""
    if group.goal is None or not group.ended:
        return Cell(NOT_RECORDED if group.goal is None else "not known", math.inf, tone="none")
    counted = f"{group.solved} of {group.seeds}"
    within = f"within {int(group.members['iterations'].max()):,} iterations"
    if group.solved == group.seeds:
        return Cell(counted, 0, tone="ahead")
    return Cell("not solved" if group.solved == 0 else counted, group.seeds - group.solved, within, "crosses")


def runs(study: Study) -> Table:
    """One row a run, however it ended."""
    rows, ids = [], []
    for group in study.groups:
        for row in group.runs.itertuples():
            rows.append(_run_row(group, row))
            ids.append(f"{group.model}:{group.variant}")
    headings = [
        *(("Task", False), ("Model", False), ("Seed", True), ("Outcome", False), ("Iterations", True)),
        *(("Seconds", True), ("Loss", True), ("Score", True), ("Solved at", True)),
    ]
    return Table("Every run", headings, rows, ids)


def _run_row(group: Group, row: Any) -> list[Cell]:
    known = math.isfinite(row.loss)
    solved = (
        NOTHING if pd.isna(row.solved_iteration) else Cell(f"{row.solved_iteration:,}", int(row.solved_iteration))
    )
    on = row.scored_on if known else ""
    return [
        Cell(group.place.label, group.place.label),
        Cell(f"{row.label}-{row.hidden_size}", str(row.label).lower()),
        Cell(str(row.seed), int(row.seed)),
        Cell(row.outcome, row.outcome),
        Cell(f"{row.iterations:,}", int(row.iterations)),
        Cell(units.seconds(row.seconds), row.seconds),
        Cell(
            units.significant(row.loss) if known else units.NOT_MEASURED,
            row.loss if known else math.inf,
            f"on {on} data" if on else "",
        ),
        Cell(
            f"{100 * row.score:.1f} %" if math.isfinite(row.score) else units.NOT_MEASURED,
            row.score if math.isfinite(row.score) else math.inf,
        ),
        solved,
    ]


def troubled(study: Study) -> Table:
    """Runs that did not come to an end of their own, with what they say of it."""
    rows = [
        [
            Cell(row.run, row.run),
            Cell(row.outcome, row.outcome),
            Cell(f"{row.iterations:,}", int(row.iterations)),
            Cell("" if pd.isna(row.message) else row.message),
        ]
        for row in study.logs.runs.itertuples()
        if row.outcome not in (SOLVED, FINISHED)
    ]
    return Table(
        "Runs without a regular end",
        [("Run", False), ("Outcome", False), ("Iterations", True), ("Message", False)],
        rows,
    )
