"""The table of all nets, and the structures as they are written."""

from __future__ import annotations

import pandas as pd

from analysis import units
from analysis.pages import Column, Table
from analysis.related.engine.chapter import Frames, by_seed, over_seeds
from analysis.related.rrnn.data import RRNN, SEARCHING, SERIES, TREE_TITLES, end_of, step_seconds


def table(frames: Frames) -> Table:
    """A row a net, the RRNN in both stages."""
    rows, series = [], []
    for (method, stage), one in SERIES.items():
        mine = frames["networks"][frames["networks"]["method"] == method]
        if mine.empty:
            continue
        cells: list[object] = [one.label, mine["hidden"].median(), mine["parameters"].median()]
        cells.append(None if stage == SEARCHING else _mean(by_seed(mine, "test_bits")))
        cells.append(_mean(end_of(frames, stage) if method == RRNN else by_seed(_last(frames, method), "bits")))
        cells.append(_mean(step_seconds(frames, method, stage), logarithmic=True))
        cells.append(_mean(by_seed(frames["memory"], "peak_bytes", method=method, stage=stage), logarithmic=True))
        rows.append(cells)
        series.append(one.identity)
    columns = [
        Column("Net"),
        Column("Units", "{:.0f}".format),
        Column("Parameters", "{:,.0f}".format),
        Column("Bits a letter, test", "{:.2f}".format),
        Column("Held out, at the end", "{:.2f}".format),
        Column("Training step", units.seconds),
        Column("Memory of a step", units.binary_bytes),
    ]
    return Table("Every net", columns, rows, series, "compact results")


def _last(frames: Frames, method: str) -> pd.DataFrame:
    rows = frames["curves"][frames["curves"]["method"] == method]
    return rows.sort_values("iteration").groupby("seed").tail(1)


def _mean(values: pd.Series, logarithmic: bool = False) -> object:
    found = over_seeds(values, logarithmic)
    return found and found.estimate


def written(frames: Frames) -> Table:
    """The trees as they are written, a row a seed and moment."""
    rows = frames["trees"][frames["trees"]["number"] == 0].sort_values(["seed", "which"])
    cells = [[str(row.seed), TREE_TITLES[row.which], row.written] for row in rows.itertuples()]
    return Table("Structures", [Column("Seed"), Column("When"), Column("Tree")], cells, style="compact")
