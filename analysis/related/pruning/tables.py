"""The tables of the chapter on neuron selection."""

from __future__ import annotations

import pandas as pd

from analysis import units
from analysis.pages import Cell, Column, Table
from analysis.related.engine.chapter import COUNT, SHARE, Frames, by_seed, over_seeds
from analysis.related.pruning.data import SERIES, URNN, equal_urnn, groups, of_method


def table(frames: Frames) -> Table:
    """A row a method and size."""
    calls = [(phase, batch) for phase in ("forward", "train") for batch in (32, 450)]
    equal, rows, series = equal_urnn(frames), [], []
    for number, (method, size, name) in enumerate(groups(frames)):
        mark = "the uRNN of equal accuracy" if (method, size) == (URNN, equal) else ""
        row = [Cell(name, number, mark)]
        for column, logarithmic, within in (
            ("units", True, COUNT),
            ("noise_kept", False, COUNT),
            ("parameters", True, COUNT),
            ("accuracy", False, SHARE),
        ):
            found = over_seeds(of_method(frames, method, column, size), logarithmic, within)
            row.append(found and found.estimate)
        chosen = {"method": method, "size": size}
        for phase, batch in calls:
            found = over_seeds(by_seed(frames["times"], "seconds", **chosen, phase=phase, batch=batch), True)
            row.append(found and found.estimate)
        found = over_seeds(by_seed(frames["memory"], "peak_bytes", **chosen, phase="train", batch=450), True)
        rows.append([*row, found and found.estimate])
        series.append(SERIES[method].identity)
    columns = [
        Column("Net"),
        Column("Units", "{:.0f}".format),
        Column("Noise inputs", "{:.1f}".format),
        Column("Parameters", "{:,.0f}".format),
        Column("Accuracy", units.share),
        *(
            Column(f"{'Inference' if phase == 'forward' else 'Training step'}, B = {batch}", units.seconds)
            for phase, batch in calls
        ),
        Column("Memory of a step", units.binary_bytes),
    ]
    return Table("Every net", columns, rows, series, "compact results")


def spectrum(values: pd.DataFrame) -> Table:
    """The singular values of the compacted uRNN's matrix, largest first, over the seeds."""
    rows = []
    for seed, mine in values.groupby("seed"):
        found = mine["value"].astype(float)
        rows.append([str(seed), len(found), found.max(), found.median(), found.min()])
    columns = [Column("Seed"), Column("Units", "{:.0f}".format)]
    columns += [Column(name, "{:.3f}".format) for name in ("Largest", "Median", "Smallest")]
    return Table("Singular values of the compacted uRNN", columns, rows, style="compact")
