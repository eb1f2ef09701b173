"""The score over wall-clock seconds: what a user gets for waiting.

Known weakness: a time depends on the machine and on what else ran on it.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.experiments.figures import learning_curves
from analysis.experiments.study import Study

TITLE = "Score over wall-clock seconds"
CAPTION = (
    "Score on validation data over the wall-clock time of training. Copying is scored on its ten recall "
    "steps alone, because a score over all steps is high for a model that prints nothing but blanks. "
    "Dashed: guessing."
)


def draw(study: Study, columns: int = 3) -> Figure:
    """One panel a task and length, with so many panels a row."""
    return learning_curves.draw(study, "seconds", "score", columns)
