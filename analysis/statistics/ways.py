"""Which of a model's ways to run stands for it.

A rival is held against the uRNN as whoever serves it would run it: in each cell the fastest of its ways, though
that may be another one in the next cell. The uRNN has one way for all cells, the fastest over those that its ways
share, so that a sentence can name it; that can only make it look slower.

Known weakness: the fastest of several noisy medians is chosen once and not again for each bootstrap replicate, so
where two ways take the same time the rival looks faster than it is, by less than the noise.
"""

import numpy as np
import pandas as pd

from analysis.statistics.summary import CELL
from analysis.vocabulary import GRAPH, MEASURED, STEP_TIME

PLACE = [axis for axis in CELL if axis != "backend"]  # where the ways of a model can be compared


def at_best(table: pd.DataFrame) -> pd.DataFrame:
    """Summary rows -> those of each model's fastest way in each cell, of every metric.

    The fastest has the least median step time; memory and all else are that way's too. One that is called comes
    before one captured in a CUDA graph: models that are called are held against each other. Of equal ways it is
    the first in the registry. Where none was measured, the first stands for the cell with its outcome.

    One column more: `ways`, of how many measured ones it is the fastest.
    """
    return table.merge(_chosen(table), on=CELL, validate="many_to_one")


def _chosen(table: pd.DataFrame) -> pd.DataFrame:
    """One row a model and cell: `CELL` with the chosen backend, and `ways`."""
    measured = table[(table["metric"] == STEP_TIME) & (table["outcome"] == MEASURED)]
    found = table[[*CELL, "place"]].drop_duplicates(CELL)
    found = found.merge(measured[[*CELL, "value"]], on=CELL, how="left")
    found = found.assign(captured=found["backend"].str.endswith(GRAPH))
    ways = found.groupby([*PLACE, "captured"])["value"].transform("count")
    found = found.assign(unknown=found["value"].isna(), ways=ways)
    order = ["unknown", "captured", "value", "place", "backend"]
    return found.sort_values(order, kind="stable", na_position="last").drop_duplicates(PLACE)[[*CELL, "ways"]]


def fastest(table: pd.DataFrame, model: str) -> str | None:
    """The backend of a model with the least summed log step time over the cells that all its backends
    measured.

    None where the model was not measured. A backend with no cell in common with the others cannot be ranked;
    then the one with the most cells is taken. One captured in a CUDA graph is taken only where there is no other:
    a model that is called is held against models that are called.
    """
    times = table[(table["model"] == model) & (table["metric"] == STEP_TIME) & (table["outcome"] == MEASURED)]
    called = times[~times["backend"].str.endswith(GRAPH)]
    times = times if called.empty else called
    if times.empty:
        return None
    by_backend = times.pivot_table(
        index=[axis for axis in PLACE if axis != "model"],
        columns="backend",
        values="value",
        aggfunc="first",
        dropna=False,
    )
    common = by_backend.dropna()
    if common.empty:
        return str(by_backend.count().idxmax())
    return str(np.log(common).sum().idxmin())
