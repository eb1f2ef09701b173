"""Numbers for what the paper's Figure 4 shows by eye: fading gradients, even norms, saturated states.

Why: a verdict on a figure needs a number. All are taken after the first iterations of training, from geometric
means over the seeds that were looked into, at the place that the figure shows.

Known weakness: the cut-offs (a tenth, the second half) are ours.
"""

from __future__ import annotations

import numpy as np

from analysis.experiments.groups import Group
from analysis.experiments.schema import PROFILE
from analysis.experiments.seeds import Floats
from analysis.experiments.study import Study

RECALL = 20  # steps of copying beside the wait: ten symbols to hold and ten to recall


def trained_profile(study: Study, model: str) -> tuple[Group, dict[str, Floats]] | None:
    """A model's group at the figure's place, and its profiles over t after the latest look; None without any."""
    place = study.anatomy_place
    for group in study.places.get(place, []) if place else []:
        profile = study.anatomy_of(group)
        if group.model == model and (profile["iteration"] > 0).any():
            last = profile[profile["iteration"] == profile["iteration"].max()]
            logs = np.log(last[[column.name for column in PROFILE[1:]]].clip(lower=np.finfo(float).tiny))
            means = np.exp(logs.groupby(last["t"].astype(int)).mean())
            return group, {name: means[name].to_numpy(dtype=np.float64) for name in means}
    return None


def decay(study: Study, model: str) -> float | None:
    """Median |dC/dh_t| in the first tenth of the steps over that in the last tenth; 1 is no fading at all."""
    found = trained_profile(study, model)
    if found is None:
        return None
    gradient = found[1]["gradient_norm"]
    tenth = max(len(gradient) // 10, 1)
    return float(np.median(gradient[:tenth]) / np.median(gradient[-tenth:]))


def unevenness(study: Study, model: str) -> float | None:
    """Standard deviation of |h_t| over t, over its mean."""
    found = trained_profile(study, model)
    if found is None:
        return None
    norm = found[1]["state_norm"]
    return float(norm.std() / norm.mean())


def wandering(study: Study, model: str) -> float | None:
    """Median of |h_t - h_{t-1}| / |h_t| over the second half of the steps, without the recall steps of copying."""
    found = trained_profile(study, model)
    if found is None:
        return None
    group, profile = found
    end = len(profile["state_norm"]) - (RECALL // 2 if group.place.task == "copying" else 0)
    late = slice(end // 2, end)
    return float(np.median(profile["state_change"][late] / profile["state_norm"][late]))
