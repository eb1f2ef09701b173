"""The study's tables, and the values that several parts of the chapter take from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.core.groupby import SeriesGroupBy

from analysis.appearance import Series
from analysis.documents import COUNT, TEXT, Columns, one_of, real, whole
from analysis.related.engine.chapter import Frames, by_seed

RRNN, LSTM, GRU, URNN = METHODS = ("rrnn", "lstm", "gru", "urnn")
SEARCHING, FIXED, PLAIN = STAGES = ("searching", "fixed", "plain")
SERIES = {
    (RRNN, SEARCHING): Series(RRNN, SEARCHING, "RRNN, searching"),
    (RRNN, FIXED): Series(RRNN, FIXED, "RRNN, one structure fixed"),
    (LSTM, PLAIN): Series(LSTM, PLAIN, "LSTM"),
    (GRU, PLAIN): Series(GRU, PLAIN, "GRU"),
    (URNN, PLAIN): Series(URNN, PLAIN, "uRNN"),
}
FIRST, LAST = WHICH = ("first", "fixed")
TREE_TITLES = {FIRST: "Chosen most often before training", LAST: "Fixed after the search"}

BITS, SECONDS = real(0.0, 1e6), real(0.0, 1e6)
NAMED: Columns = {"method": one_of(*METHODS), "seed": COUNT}
CALL: Columns = {**NAMED, "stage": one_of(*STAGES)}
TABLES: dict[str, Columns] = {
    "curves": {**CALL, "iteration": COUNT, "seconds": SECONDS, "bits": BITS},
    "structures": {
        **NAMED,
        **dict.fromkeys(("iteration", "distinct", "trees"), whole(1)),
        "most": real(0.0, 1.0),
        "margin": real(0.0),
    },
    "trees": {
        **NAMED,
        "which": one_of(*WHICH),
        "number": COUNT,
        "label": TEXT,
        "across": real(0.0, 1e6),
        "down": COUNT,
        "parent": whole(-1),
        "written": TEXT,
    },
    "networks": {
        **NAMED,
        **dict.fromkeys(("hidden", "parameters"), whole(1)),
        **dict.fromkeys(("test_bits", "unigram_bits"), BITS),
        "seconds": SECONDS,
    },
    "times": {**CALL, "round": whole(1), "seconds": real(1e-9, 1e6)},
    "memory": {**CALL, "peak_bytes": COUNT},
    "shares": {"seed": COUNT, "scorer": real(0.0, 1.0)},
}


def bits_at(frames: Frames, method: str, axis: str, at: float) -> pd.Series:
    """By seed the bits on held-out letters after so many iterations or seconds, between evaluations on a line.

    Iterations are those before a structure is fixed; seconds are all.
    """
    rows = frames["curves"]
    rows = rows[rows["stage"] != FIXED] if axis == "iteration" else rows
    found = {}
    for seed, mine in rows[rows["method"] == method].groupby("seed"):
        x, y = (mine.sort_values([axis, "iteration"])[name].to_numpy(dtype=float) for name in (axis, "bits"))
        if x[-1] >= at:
            found[seed] = float(np.interp(at, x, y))
    return pd.Series(found, dtype="float64")


def beginning_of(frames: Frames, stage: str) -> pd.Series:
    """By seed the RRNN's bits when a stage begins."""
    return _of_stage(frames, stage).first().astype("float64")


def end_of(frames: Frames, stage: str) -> pd.Series:
    """The same at its end."""
    return _of_stage(frames, stage).last().astype("float64")


def _of_stage(frames: Frames, stage: str) -> SeriesGroupBy:
    rows = frames["curves"]
    rows = rows[(rows["method"] == RRNN) & (rows["stage"] == stage)].sort_values("iteration")
    return rows.groupby("seed")["bits"]


def equal_iterations(frames: Frames) -> float | None:
    """Iterations of the search, which all its rivals have had too."""
    rows = frames["curves"]
    searching = rows[rows["stage"] == SEARCHING]["iteration"]
    return None if searching.empty else float(searching.max())


def equal_seconds(frames: Frames) -> float | None:
    """The most seconds that every net was trained for."""
    rows = frames["curves"]
    if set(rows["method"]) != set(METHODS):
        return None
    return float(rows.groupby(["method", "seed"])["seconds"].max().min())


def step_seconds(frames: Frames, method: str, stage: str) -> pd.Series:
    """By seed the median time of a training step."""
    return by_seed(frames["times"], "seconds", method=method, stage=stage)
