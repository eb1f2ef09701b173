"""The loss over iterations: how much a model learns from so much data.

Known weakness: see `learning_curves`.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis.experiments.figures import learning_curves
from analysis.experiments.study import Study

TITLE = "Loss over iterations"
CAPTION = (
    "Loss on validation data: the mean across seeds (geometric) in bold with its 95 % interval, single "
    "runs in thin lines, the loss of the best answer without memory dashed. A run that stopped because it "
    "solved its task keeps its last value; a cross is where a run diverged."
)


def draw(study: Study, columns: int = 3) -> Figure:
    """One panel a task and length, with so many panels a row."""
    return learning_curves.draw(study, "iteration", "loss", columns)
