"""The loss over wall-clock seconds: how much a model learns in so much time.

Known weakness: a time depends on the machine and on what else ran on it.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.experiments.figures import learning_curves
from analysis.experiments.study import Study

TITLE = "Loss over wall-clock seconds"
CAPTION = (
    "The same over the wall-clock time of training, without evaluation, on a logarithmic axis: who gets "
    "there first, however many iterations it takes."
)


def draw(study: Study, columns: int = 3) -> Figure:
    """One panel a task and length, with so many panels a row."""
    return learning_curves.draw(study, "seconds", "loss", columns)
