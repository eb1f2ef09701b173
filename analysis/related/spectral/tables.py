"""The tables of the chapter on GLOREE."""

from __future__ import annotations

import numpy as np

from analysis import units
from analysis.pages import Column, Table
from analysis.related.engine.chapter import Frames
from analysis.related.spectral.data import (
    BOTH,
    GRADIENT,
    SERIES,
    SPECTRAL,
    last_errors,
    seconds_to_equal,
)
from analysis.related.spectral.statements import error


def equal(frames: Frames) -> Table:
    """A row a method: seconds to GLOREE's own error, seed by seed, and the error at the end."""
    rows, series = [], []
    for method in (SPECTRAL, GRADIENT, BOTH):
        seconds, ends = seconds_to_equal(frames, method), last_errors(frames, method)
        if ends.empty:
            continue
        listed = [units.seconds(one) if np.isfinite(one) else "never" for one in seconds]
        rows.append([SERIES[method].label, ", ".join(listed), float(ends.median()), float(ends.max())])
        series.append(SERIES[method].identity)
    columns = [
        Column("Method"),
        Column("Processor time to GLOREE's error"),
        Column("Last error, median", error),
        Column("Largest", error),
    ]
    return Table("Beside back-propagation, seed by seed", columns, rows, series, "compact")


def others(frames: Frames) -> Table:
    """A row a fit that no figure shows: both directions, controls, the larger net."""
    rows = []
    controls = {"right": "the right score", "shuffled": "shuffled outputs", "wrong_score": "independent scores"}
    for name, what in (("directions", "both directions"), ("controls", ""), ("sizes", "")):
        for _, one in frames[name].sort_values(["rho", "seed", "samples"]).iterrows():
            words = what or (
                controls[one["control"]]
                if name == "controls"
                else f"{one['inputs']} inputs, {one['hidden']} units, {one['outputs']} outputs"
            )
            recurrent = max(float(one["U"]), float(one["V"]) if name == "directions" else 0.0)
            rows.append(
                [
                    words,
                    float(one["rho"]),
                    int(one["seed"]),
                    int(one["samples"]),
                    float(one["A1"]),
                    float(one["A2"]),
                    recurrent,
                    float(one["misfit"]),
                    float(one["seconds"]),
                    "warned" if one["doubted"] else "",
                ]
            )
    columns = [
        Column("Fit"),
        Column("rho", "{:g}".format),
        Column("Seed", "{:d}".format),
        Column("Sequences", "{:,}".format),
        *(Column(name, error) for name in ("A1", "A2", "U or V")),
        Column("Misfit", "{:.2f}".format),
        Column("Processor time", units.seconds),
        Column("Doubt"),
    ]
    return Table("Fits beside the figures", columns, rows, style="compact")
