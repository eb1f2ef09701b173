"""Numbers for what the paper's Figure 4 shows by eye: fading gradients, even norms, saturated states.

Why: a verdict on a figure needs a number. All are taken after the first iterations of training, from geometric
means over the seeds that were looked into, at a length that the figure shows. Fading is measured on adding, whose
cost is that of the last step alone, so that every gradient has come all the way back; on copying every step has a
cost of its own, which hides it. Saturation is measured on copying, whose input does not change during the wait; on
adding every step brings a new number, which moves any state.

Known weakness: the cut-offs (a tenth, the second half) are ours.
"""

from __future__ import annotations

import numpy as np

from analysis.experiments.schema import PROFILE
from analysis.experiments.seeds import Floats
from analysis.experiments.study import Study

RECALL = 10  # the last steps of copying


def trained_profile(study: Study, task: str, model: str) -> dict[str, Floats] | None:
    """Name of a quantity -> its values over t at the latest look into a model on a task; None without any."""
    place = study.anatomy_places.get(task)
    for group in study.places[place] if place else []:
        profile = study.anatomy_of(group)
        if group.model == model and (profile["iteration"] > 0).any():
            last = profile[profile["iteration"] == profile["iteration"].max()]
            logs = np.log(last[[column.name for column in PROFILE[1:]]].clip(lower=np.finfo(float).tiny))
            means = np.exp(logs.groupby(last["t"].astype(int)).mean())
            return {name: means[name].to_numpy(dtype=np.float64) for name in means}
    return None


def decay(study: Study, model: str) -> float | None:
    """Adding: median |dC/dh_t| in the first tenth of the steps over that in the last; 1 is no fading at all."""
    found = trained_profile(study, "adding", model)
    if found is None:
        return None
    gradient = found["gradient_norm"]
    tenth = max(len(gradient) // 10, 1)
    return float(np.median(gradient[:tenth]) / np.median(gradient[-tenth:]))


def unevenness(study: Study, model: str) -> float | None:
    """Copying: standard deviation of |h_t| over t, over its mean."""
    found = trained_profile(study, "copying", model)
    if found is None:
        return None
    norm = found["state_norm"]
    return float(norm.std() / norm.mean())


def wandering(study: Study, model: str) -> float | None:
    """Copying: median of |h_t - h_{t-1}| / |h_t| over the second half of the steps before recall."""
    found = trained_profile(study, "copying", model)
    if found is None:
        return None
    end = len(found["state_norm"]) - RECALL
    late = slice(end // 2, end)
    return float(np.median(found["state_change"][late] / found["state_norm"][late]))
