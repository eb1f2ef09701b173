"""What the study of coverage-guided tests gives: its tables, and the shares that they come to."""

from __future__ import annotations

from functools import partial

import pandas as pd

from analysis.appearance import Series
from analysis.documents import COUNT, FLAG, TEXT, Columns, Maybe, one_of, real, whole
from analysis.related.engine.chapter import Frames, by_seed

MODELS = {"lstm": "LSTM", "urnn": "uRNN"}
RANDOM, GRADIENT, GENETIC = GENERATORS = ("random", "gradient", "genetic")
SERIES = {
    RANDOM: Series("random", "generator", "Random mutation"),
    GRADIENT: Series("gradient", "generator", "Gradient-directed"),
    GENETIC: Series("genetic", "generator", "Genetic"),
}
TEMPORAL, STATE = "temporal", "state"  # what campaigns are aimed at; the second is DeepStellar's

SHARE = real(0.0, 1.0)
NET: Columns = {"model": one_of(*MODELS), "seed": COUNT}
CAMPAIGN: Columns = {**NET, "generator": one_of(*GENERATORS), "metric": one_of(TEMPORAL, STATE)}
FOUND: Columns = {
    "evaluations": COUNT,
    "coverage": SHARE,
    **dict.fromkeys(("inside", "adversarial", "defects"), COUNT),
}
TABLES: dict[str, Columns] = {
    "networks": {
        **NET,
        **dict.fromkeys(("hidden_size", "parameters"), whole(1)),
        "accuracy": SHARE,
        "seconds": real(0.0, 1e6),
    },
    "metrics": {
        **NET,
        "metric": TEXT,
        "requirements": Maybe(whole(1)),
        "coverage": Maybe(SHARE),
        "refused": Maybe(TEXT),
    },
    "curves": {**CAMPAIGN, **FOUND},
    "campaigns": {
        **CAMPAIGN,
        "requirements": whole(1),
        **dict.fromkeys(("open_before", "met"), COUNT),
        **FOUND,
        "first_defect": Maybe(whole(1)),
        "seconds": real(0.0, 1e6),
    },
    "backdoors": {
        **NET,
        "planted": FLAG,
        **dict.fromkeys(("accuracy", "flipped"), SHARE),
        **FOUND,
        "to_target": COUNT,
        "first_to_target": Maybe(whole(1)),
        "similarity": Maybe(real(-1.01, 1.01)),
    },
    "triggers": {
        **NET,
        "planted": FLAG,
        **dict.fromkeys(("row", "column"), COUNT),
        **dict.fromkeys(("planted_value", "found_value"), real(-1.0, 1.0)),
    },
    "speed": {
        "metric": TEXT,
        **dict.fromkeys(("hidden_size", "steps", "sequences"), whole(1)),
        "seconds": real(0.0, 1e6),
    },
}


def met_share(frames: Frames, model: str, generator: str, metric: str = TEMPORAL) -> pd.Series:
    """Share of the open requirements that a generator met, by seed."""
    chosen = {"model": model, "generator": generator, "metric": metric}
    open_before = by_seed(frames["campaigns"], "open_before", **chosen)
    return (by_seed(frames["campaigns"], "met", **chosen) / open_before[open_before > 0]).dropna()


def rate(frames: Frames, model: str, generator: str, metric: str = TEMPORAL) -> pd.Series:
    """Adversarial tests of a campaign over its evaluations, by seed."""
    of = partial(by_seed, frames["campaigns"], model=model, generator=generator, metric=metric)
    return of("adversarial") / of("evaluations")
