"""The tables of the experiments: the paper's statements, a row a group, and a row a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from analysis import units
from analysis.experiments.claims import AGREE, DIFFER, NOT_RUN, Answer, Claim
from analysis.experiments.goals import NOT_RECORDED
from analysis.experiments.schema import FINISHED, SOLVED
from analysis.experiments.seeds import Across
from analysis.experiments.study import Group, Study
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

    def geometric(name: str, text: Callable[[float], str]) -> Callable[[Group], Cell]:
        return lambda group: _mean(group.across(name, logarithmic=True), text)

    columns = [
        (Column("Task"), lambda group: Cell(group.place.label, study.groups.index(group))),
        (Column("Model"), _model),
        (Column("Parameters", _whole), lambda group: int(group.fact("parameters"))),
        (Column("Seeds", str), lambda group: Cell(str(group.seeds), group.seeds, "not ended" * (not group.ended))),
        (Column("Loss", units.significant), geometric("loss", units.significant)),
        (Column("Of baseline", units.per_cent), _of_baseline),
        (Column("Score", _per_cent), lambda group: _mean(group.score, _per_cent)),
        (Column("Solved", str), _solved),
        (Column("Iterations to solve", _whole), geometric("solved_iteration", _whole)),
        (Column("Seconds to solve", units.seconds), geometric("solved_seconds", units.seconds)),
        (Column("Iterations a second", units.significant), geometric("iterations_per_second", units.significant)),
    ]
    rows = [[cell(group) for _, cell in columns] for group in study.groups]
    identities = [f"{group.model}:{group.variant}" for group in study.groups]
    return Table("Results across seeds", [column for column, _ in columns], rows, identities, "compact results")


def _model(group: Group) -> Cell:
    """Its name and how it was trained: batch, the way the sequence was run, optimiser and learning rates."""
    name = f"{group.size}{group.label.removeprefix(str(group.fact('label')))}"
    slow = group.fact("slow_rate")
    share = "" if math.isnan(slow) or slow == 1 else f", {slow:g} of it for the recurrent step"
    optimiser = OPTIMISER_LABELS.get(group.fact("optimiser"), group.fact("optimiser"))
    rate = f"{optimiser} {group.fact('learning_rate'):g}{share}"
    return Cell(name, group.size.lower(), f"B = {group.fact('batch')}, {group.fact('backend')}; {rate}")


def _mean(found: Across | None, text: Callable[[float], str]) -> Cell:
    if found is None:
        return NOTHING
    return Cell(text(found.mean), found.mean, between(found.low, found.high, text) if found.seeds > 1 else "")


def _of_baseline(group: Group) -> Any:
    loss = group.across("loss", logarithmic=True)
    return loss.mean / group.fact("baseline") if loss else NOTHING


def _solved(group: Group) -> Cell:
    """How many seeds met the goal; 'not solved' is said, and within how many iterations."""
    if group.goal is None or not group.ended:
        return Cell(NOT_RECORDED if group.goal is None else "not known", math.inf, tone="none")
    counted = f"{group.solved} of {group.seeds}"
    if group.solved == group.seeds:
        return Cell(counted, 0, tone="ahead")
    within = f"within {group.iterations:,} iterations"
    return Cell("not solved" if group.solved == 0 else counted, group.seeds - group.solved, within, "crosses")


def runs(study: Study) -> Table:
    """One row a run, however it ended."""
    columns = [
        (Column("Task"), lambda group, run: group.place.label),
        (Column("Model"), lambda group, run: f"{run.label}-{run.hidden_size}"),
        (Column("Seed", str), lambda group, run: int(run.seed)),
        (Column("Outcome"), lambda group, run: run.outcome),
        (Column("Iterations", _whole), lambda group, run: int(run.iterations)),
        (Column("Seconds", units.seconds), lambda group, run: run.seconds),
        (Column("Loss", units.significant), _loss),
        (Column("Score", _per_cent), lambda group, run: run.score),
        (
            Column("Solved at", _whole),
            lambda _, run: NOTHING if pd.isna(run.solved_iteration) else run.solved_iteration,
        ),
    ]
    pairs = [(group, run) for group in study.groups for run in group.runs.itertuples()]
    rows = [[cell(*pair) for _, cell in columns] for pair in pairs]
    identities = [f"{group.model}:{group.variant}" for group, _ in pairs]
    return Table("Every run", [column for column, _ in columns], rows, identities)


def _loss(group: Group, run: Any) -> Any:
    if math.isfinite(run.loss) and run.scored_on:
        return Cell(units.significant(run.loss), run.loss, f"on {run.scored_on} data")
    return run.loss


def troubled(study: Study) -> Table:
    """Runs that did not come to an end of their own, with what they say of it."""
    rows = [
        [row.run, row.outcome, int(row.iterations), "" if pd.isna(row.message) else row.message]
        for row in study.logs.runs.itertuples()
        if row.outcome not in (SOLVED, FINISHED)
    ]
    columns = [Column("Run"), Column("Outcome"), Column("Iterations", _whole), Column("Message")]
    return Table("Runs without a regular end", columns, rows)
