"""When a task counts as solved, and when a loss counts as below the baseline.

Why: one rule for tables, figures and sentences, applied to every run's evaluations alike, whatever the run itself
made of them.

Known weakness: the goals are this project's; the paper says 'solved' without a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

# 'Beats the baseline' needs a margin, because a loss estimated on a finite batch wanders around it.
BASELINE_MARGIN = 0.9


@dataclass(frozen=True)
class Goal:
    """What an evaluation has to reach; a bound of None is not asked for.

    `loss` is a bound on the loss itself, `baseline_share` on the loss over the baseline's, `score` on the score.
    """

    words: str
    score: float | None = None
    loss: float | None = None
    baseline_share: float | None = None

    def met(self, evaluations: pd.DataFrame, baseline: float) -> pd.Series:
        """Which rows with loss and score reach the goal; NaN never does."""
        reached = pd.Series(True, index=evaluations.index)
        if self.score is not None:
            reached &= evaluations["score"] >= self.score
        if self.loss is not None:
            reached &= evaluations["loss"] <= self.loss
        if self.baseline_share is not None:
            reached &= evaluations["loss"] <= self.baseline_share * baseline
        return reached


GOALS: dict[str, Goal] = {
    "copying": Goal(
        "recall accuracy of 99 % and a tenth of the baseline's cross-entropy", score=0.99, baseline_share=0.1
    ),
    "adding": Goal("a mean squared error of 0.01", loss=0.01),
    "digits": Goal("an accuracy of 95 %", score=0.95),
    "permuted_digits": Goal("an accuracy of 93 %", score=0.93),
    "mnist": Goal("an accuracy of 95 %", score=0.95),
    "permuted_mnist": Goal("an accuracy of 91 %", score=0.91),
}


def first_solved(task: str, evaluations: pd.DataFrame, baseline: float) -> tuple[int, float] | None:
    """Iteration and seconds of the first evaluation of one run that met the task's goal; None without one."""
    goal = GOALS.get(task)
    if goal is None:
        return None
    met = evaluations[goal.met(evaluations, baseline)]
    return None if met.empty else (int(met["iteration"].iloc[0]), float(met["seconds"].iloc[0]))


def below_baseline(loss: float, baseline: float) -> bool:
    """Whether a loss is below the baseline's beyond the margin; NaN is not."""
    return bool(np.isfinite(loss) and loss < BASELINE_MARGIN * baseline)
