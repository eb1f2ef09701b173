"""The tables of the experiments: the paper's statements, a row a group, and a row a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from analysis import units
from analysis.experiments.claims import AGREE, DIFFER, NOT_RUN, Answer, Claim
from analysis.experiments.goals import NOT_RECORDED
from analysis.experiments.groups import Group
from analysis.experiments.schema import FINISHED, SOLVED
from analysis.experiments.seeds import Across
from analysis.experiments.study import Study
from analysis.pages import Cell, Column, Table, between

TONES = {AGREE: "ahead", DIFFER: "crosses", NOT_RUN: "none"}
NOTHING = Cell("", math.inf)
OPTIMISER_LABELS = {"rmsprop": "RMSprop", "adam": "Adam", "sgd": "SGD"}


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def statements(claims: Sequence[Claim], answers: Sequence[Answer]) -> Table:
    """What the paper says, what was measured, and the verdict, in the paper's order."""
    rows = [
        [
            Cell(claim.says, number, f"{claim.source}; tested: {claim.test}"),
            answer.measured or units.NOT_MEASURED,
            Cell(answer.verdict, answer.verdict, tone=TONES[answer.verdict]),
        ]
        for number, (claim, answer) in enumerate(zip(claims, answers, strict=True))
    ]
    columns = [Column("The paper says"), Column("Measured here"), Column("Verdict")]
    return Table("The paper's statements", columns, rows, style="statements")


def results(study: Study) -> Table:
    """One row a group: what it reached, and how soon it solved its task."""
    columns = [
        Column("Task"),
        Column("Model"),
        Column("Parameters", _whole),
        Column("Seeds", str),
        Column("Loss", units.significant),
        Column("Of baseline", units.per_cent),
        Column("Score", _per_cent),
        Column("Solved", str),
        Column("Iterations to solve", _whole),
        Column("Seconds to solve", units.seconds),
        Column("Iterations a second", units.significant),
    ]
    rows = [_result_row(number, group) for number, group in enumerate(study.groups)]
    identities = [f"{group.model}:{group.variant}" for group in study.groups]
    return Table("Results across seeds", columns, rows, identities, "compact results")


def _result_row(number: int, group: Group) -> list[Any]:
    loss = group.across("loss", logarithmic=True)
    label = group.label.removeprefix(str(group.fact("label")))
    return [
        Cell(group.place.label, number),
        Cell(f"{group.size}{label}", group.size.lower(), _setting(group)),
        int(group.fact("parameters")),
        Cell(str(group.seeds), group.seeds, "" if group.ended else "not ended"),
        _mean(loss, units.significant),
        loss.mean / group.fact("baseline") if loss else NOTHING,
        _mean(group.across("score", least=0.0, most=1.0), _per_cent),
        _solved(group),
        _mean(group.across("solved_iteration", logarithmic=True), _whole),
        _mean(group.across("solved_seconds", logarithmic=True), units.seconds),
        _mean(group.across("iterations_per_second", logarithmic=True), units.significant),
    ]


def _setting(group: Group) -> str:
    """How it was trained: batch, the way the sequence was run, optimiser and learning rates."""
    slow = group.fact("slow_rate")
    share = "" if math.isnan(slow) or slow == 1 else f", {slow:g} of it for the recurrent step"
    optimiser = OPTIMISER_LABELS.get(group.fact("optimiser"), group.fact("optimiser"))
    rate = f"{optimiser} {group.fact('learning_rate'):g}{share}"
    return f"B = {group.fact('batch')}, {group.fact('backend')}; {rate}"


def _mean(found: Across | None, text: Callable[[float], str]) -> Cell:
    if found is None:
        return NOTHING
    return Cell(text(found.mean), found.mean, between(found.low, found.high, text) if found.seeds > 1 else "")


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
    columns = [
        Column("Task"),
        Column("Model"),
        Column("Seed", str),
        Column("Outcome"),
        Column("Iterations", _whole),
        Column("Seconds", units.seconds),
        Column("Loss", units.significant),
        Column("Score", _per_cent),
        Column("Solved at", _whole),
    ]
    pairs = [(group, row) for group in study.groups for row in group.runs.itertuples()]
    identities = [f"{group.model}:{group.variant}" for group, _ in pairs]
    return Table("Every run", columns, [_run_row(*pair) for pair in pairs], identities)


def _run_row(group: Group, row: Any) -> list[Any]:
    loss = row.loss
    if math.isfinite(loss) and row.scored_on:
        loss = Cell(units.significant(loss), loss, f"on {row.scored_on} data")
    return [
        group.place.label,
        f"{row.label}-{row.hidden_size}",
        int(row.seed),
        row.outcome,
        int(row.iterations),
        row.seconds,
        loss,
        row.score,
        NOTHING if pd.isna(row.solved_iteration) else int(row.solved_iteration),
    ]


def troubled(study: Study) -> Table:
    """Runs that did not come to an end of their own, with what they say of it."""
    rows = [
        [row.run, row.outcome, int(row.iterations), "" if pd.isna(row.message) else row.message]
        for row in study.logs.runs.itertuples()
        if row.outcome not in (SOLVED, FINISHED)
    ]
    columns = [Column("Run"), Column("Outcome"), Column("Iterations", _whole), Column("Message")]
    return Table("Runs without a regular end", columns, rows)
