"""How near the uRNN comes to what the machine can do: shares of measured ceilings.

Why: a time alone does not say whether there is anything left to gain. Two things that no uRNN can leave out are
measured by themselves: a time step's two Fourier transforms, and writing its output to memory. A share is their
time over that of the whole step (the roofline of Williams, Waterman and Patterson 2009, in times, not rates).

Known weakness: a ceiling is what torch reaches with a call for each time step; a faster kernel is above 100 %.
"""

from __future__ import annotations

import pandas as pd

from analysis.anchor_point import anchor_point
from analysis.schema import backends_of
from analysis.statistics import ratio
from analysis.vocabulary import CEILING, MEASURED, STEP_TIME

PHASE = "forward"


def shares(cells: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """Summary rows of models and of ceilings -> one row a ceiling, backend of the uRNN and hidden size.

    The rows are the uRNN's at the anchor point, with value, low and high as fractions of the step time and the
    columns ceiling and label (the ceiling's). Only sizes at which both were measured have a row. A ceiling has no
    task.
    """
    at = anchor_point(cells, PHASE)
    if at is None:
        return cells.iloc[:0].assign(ceiling="", label="")
    ours, alone = (
        here[here["outcome"] == MEASURED]
        for part in (cells[cells["model"] == "urnn"], ceilings.assign(task=at.task))
        for here in [at.over("hidden_size", part, STEP_TIME)]
    )
    found = [ours.iloc[:0].assign(ceiling="", label="")]
    for ceiling, label in backends_of(ceilings, CEILING).items():
        times = alone[alone["backend"] == ceiling].drop_duplicates("hidden_size").set_index("hidden_size")
        here = ours[ours["hidden_size"].isin(times.index)]
        share = [ratio(times.loc[row["hidden_size"]], row) for _, row in here.iterrows()]
        numbers = {name: [getattr(one, name) for one in share] for name in ("value", "low", "high")}
        found.append(here.assign(ceiling=ceiling, label=label, **numbers))
    return pd.concat(found)
