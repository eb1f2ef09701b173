"""What the settings of tuned runs were chosen from: how many trials, in what time, and how they fared."""

from __future__ import annotations

import math

import pandas as pd

from analysis import units
from analysis.appearance import order
from analysis.experiments.schema import TASK_LABELS
from analysis.experiments.study import place_name
from analysis.experiments.tables import given
from analysis.pages import Cell, Column, Table, prose
from analysis.vocabulary import counted, duration

PROSE = prose(__file__)["explain"]["tuning"]
NEVER = Cell("", math.inf)


def trials(tuning: pd.DataFrame) -> Table:
    """A row a task and model, in the order of the matrix."""
    tasks = {task: number for number, task in enumerate(TASK_LABELS)}
    models = {model: number for number, model in enumerate(order(tuning["model"]))}
    found = tuning.assign(
        at=[tasks.get(task, len(tasks)) for task in tuning["task"]], by=tuning["model"].map(models)
    ).sort_values(["at", "length", "by"])
    rows = [
        [
            Cell(place_name(row.task, row.length), number),
            row.label,
            Cell(f"{row.solved} of {row.trials}", -row.solved / row.trials),
            NEVER if pd.isna(row.solved_iteration) else row.solved_iteration,
            row.best_loss,
            row.median_loss,
            row.seconds,
            given(row),
        ]
        for number, row in enumerate(found.itertuples())
    ]
    columns = [
        Column("Task"),
        Column("Model"),
        Column("Trials that solved it"),
        Column("Iterations of the chosen", "{:,}".format),
        Column("Its loss", units.significant),
        Column("Median loss", units.significant),
        Column("Seconds of all", "{:.0f}".format),
        Column("Chosen"),
    ]
    return Table("What was tuned", columns, rows, style="compact")


def words(tuning: pd.DataFrame) -> str:
    """What the trials were, and what they took."""
    number, seconds = int(tuning["trials"].sum()), float(tuning["seconds"].sum())
    return PROSE.format(trials=counted(number, "trial"), time=duration(seconds))
