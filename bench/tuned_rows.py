"""What tuning tried for the models of a comparison: the table `tuning.csv` beside its runs, for their report.

Logs say that a run's settings were tuned; by how many trials, and with what success, is in the settings' files.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from analysis.vocabulary import TUNING
from bench.errors import SweepError
from bench.experiments import COMPARISON, Experiment
from urnn import models
from urnn.files import write_atomically
from urnn.training import files, tuned

TRIALS = {  # column: name in a settings' file
    "trials": "count",
    "seconds": "seconds",
    "solved": "solved",
    "best_trial": "best",
    "best_loss": "best_loss",
    "best_score": "best_score",
    "median_loss": "median_loss",
    "solved_iteration": "solved_iteration",
}
COLUMNS = ("task", "length", "model", "label", *TRIALS, *tuned.NAMES)


def write(experiments: Iterable[Experiment], runs: Path) -> None:
    """Writes the table, a row for each file of settings that the comparison's runs take theirs from.

    Raises:
        ValueError: such a file is damaged.
        SweepError: the table cannot be written.
    """
    places = dict.fromkeys((one.task, one.length, one.model) for one in experiments if one.set_name == COMPARISON)
    rows = {place: row for place in map(_tuned_at, places) if place and (row := _row(*place))}
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    table.writerows(rows.values())
    try:
        write_atomically(runs / TUNING, text.getvalue().encode())
    except OSError as error:
        raise SweepError(f"cannot write {runs / TUNING} ({files.reason(error)})") from error


def _tuned_at(place: tuple[str, int | None, str]) -> tuple[str, int | None, str] | None:
    """The task, T and model that were tuned; None where none was."""
    task, length, model = place
    found = tuned.nearest(task, length, model)
    return (task, found[0], model) if found else None


def _row(task: str, length: int | None, model: str) -> dict[str, Any] | None:
    found = tuned.read(task, length, model, tuned.FOLDER)
    if found is None:  # it was removed just now
        return None
    numbers = {column: found["trials"].get(name) for column, name in TRIALS.items()}
    label = models.get(model).label
    return {"task": task, "length": length, "model": model, "label": label, **numbers, **found["settings"]}
