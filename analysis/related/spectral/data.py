"""What the study of GLOREE gives: its tables, and errors, slopes and seconds by seed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.appearance import Series
from analysis.documents import COUNT, DURATION, FLAG, Columns, Maybe, one_of, real, whole
from analysis.related.engine.chapter import Frames, by_seed

MATRICES = ("A1", "A2", "U")
THREE, TWO, FOURTH = WAYS = ("three_passes", "two_passes", "fourth")
RIGHT, SHUFFLED, WRONG_SCORE = CONTROLS = ("right", "shuffled", "wrong_score")
SPECTRAL, GRADIENT, BOTH = METHODS = ("spectral", "gradient", "both")
SERIES = {
    THREE: Series("gloree", "three_passes", "GLOREE, three passes"),
    TWO: Series("gloree", "two_passes", "GLOREE, two passes"),
    FOURTH: Series("gloree_fourth", "two_passes", "GLOREE, fourth moments"),
    SPECTRAL: Series("gloree", "three_passes", "GLOREE, three passes"),
    GRADIENT: Series("gradient", "adam", "back-propagation"),
    BOTH: Series("gloree", "then_adam", "GLOREE, then back-propagation"),
}

ERROR = real(0.0)
NET: Columns = {"rho": real(-1.0, 1.0), "seed": COUNT, "samples": whole(1)}
OFF: Columns = dict.fromkeys(MATRICES, ERROR)
FIT: Columns = {**OFF, "misfit": ERROR, "residual": ERROR, "seconds": DURATION, "doubted": FLAG}
TABLES: dict[str, Columns] = {
    "errors": {**NET, "way": one_of(*WAYS), **FIT},
    "weights": {
        **NET,
        "matrix": one_of(*MATRICES),
        "row": COUNT,
        "column": COUNT,
        "truth": real(),
        "found": real(),
    },
    "directions": {**NET, **FIT, "V": ERROR, "wrong": ERROR},
    "controls": {**NET, "control": one_of(*CONTROLS), **FIT},
    "sizes": {**NET, **dict.fromkeys(("inputs", "hidden", "outputs"), whole(1)), **FIT, "V": Maybe(ERROR)},
    "times": {"samples": whole(1), "round": whole(1), "threads": whole(1), "seconds": DURATION},
    "descents": {"seed": COUNT, "samples": whole(1), "method": one_of(*METHODS), "seconds": DURATION, **OFF},
}


def of_way(frames: Frames, way: str, matrix: str, rho: float, samples: int | None = None) -> pd.Series:
    """Errors of a matrix by seed, with so many sequences; the bars' number where none is named."""
    rows = frames["errors"]
    return by_seed(rows, matrix, way=way, rho=rho, samples=bar_samples(rows) if samples is None else samples)


def bar_samples(rows: pd.DataFrame) -> int:
    """The largest number of sequences that every seed has; 0 where there is none."""
    seeds = rows["seed"].nunique()
    every = rows.groupby("samples")["seed"].nunique()
    return int(every[every == seeds].index.max()) if (every == seeds).any() else 0


def slopes(frames: Frames, way: str, matrix: str) -> pd.Series:
    """Of the logarithm of the error over that of the number of sequences, by seed: both values of rho together."""
    rows = frames["errors"][frames["errors"]["way"] == way]
    found = {}
    for seed, mine in rows.groupby("seed"):
        means = np.log(mine[["samples", matrix]].astype(float).clip(lower=1e-300))
        means = means.groupby("samples")[matrix].mean()
        if len(means) > 1:
            found[seed] = float(np.polyfit(means.index.to_numpy(), means.to_numpy(), 1)[0])
    return pd.Series(found, dtype="float64")


def largest(rows: pd.DataFrame) -> pd.Series:
    """The largest of the three relative errors of each row."""
    return rows[list(MATRICES)].astype(float).max(axis=1)


def seconds_to_equal(frames: Frames, method: str) -> pd.Series:
    """Processor seconds until the largest error is at most that of GLOREE alone, by seed; infinite for never."""
    rows = frames["descents"].assign(error=largest(frames["descents"]))
    bars = rows[rows["method"] == SPECTRAL].groupby("seed")["error"].min()
    mine = rows[rows["method"] == method]
    found = {}
    for seed, bar in bars.items():
        own = mine[mine["seed"] == seed]
        if len(own):
            found[seed] = float(own.loc[own["error"] <= bar, "seconds"].min())
    return pd.Series(found, dtype="float64").fillna(np.inf)


def last_errors(frames: Frames, method: str) -> pd.Series:
    """The largest error at a method's end, by seed."""
    rows = frames["descents"][frames["descents"]["method"] == method]
    ends = rows.sort_values("seconds").groupby("seed").tail(1)
    return largest(ends).set_axis(ends["seed"]).sort_index()
