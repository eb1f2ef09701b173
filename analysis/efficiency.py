"""How near the uRNN comes to what the machine can do: shares of measured ceilings.

Why: a time alone does not say whether there is anything left to gain. Two things no implementation of the uRNN
can leave out are measured by themselves in the same run: the two Fourier transforms of a time step, and writing
the step's output to memory. A share is the time of that over the time of the whole step (the roofline of
Williams, Waterman and Patterson 2009, in times rather than rates).

Known weakness: a ceiling is what torch reaches with a call of its own for each time step; a kernel whose own
transforms are faster, or that pays less for calling, has a share above 100 %.
"""

from __future__ import annotations

import pandas as pd

from analysis.anchor_point import AnchorPoint, anchor_point
from analysis.schema import backends_of
from analysis.statistics import ratio
from analysis.vocabulary import CEILING, MEASURED, STEP_TIME

PHASE = "forward"
MODEL = "urnn"


def place(cells: pd.DataFrame, ceilings: pd.DataFrame) -> AnchorPoint | None:
    """The point at which the shares are taken; None where the uRNN or every ceiling is missing."""
    at = anchor_point(cells, PHASE)
    return at if at and not shares(cells, ceilings, at).empty else None


def shares(cells: pd.DataFrame, ceilings: pd.DataFrame, at: AnchorPoint) -> pd.DataFrame:
    """Summary rows of models and of ceilings -> one row a backend of the uRNN, hidden size and ceiling.

    Columns model, backend, series, hidden_size, ceiling, label (the ceiling's), outcome, and as fractions of the
    step time value, low, high. Only sizes at which both were measured have a row. A ceiling has no task.
    """
    ours = at.over("hidden_size", cells[cells["model"] == MODEL], STEP_TIME)
    found = []
    for ceiling, label in backends_of(ceilings, CEILING).items():
        alone = _alone(ceilings, ceiling, at)
        for _, row in ours[ours["outcome"] == MEASURED].iterrows():
            if row["hidden_size"] in alone.index:
                share = ratio(alone.loc[row["hidden_size"]], row)
                numbers = {"value": share.value, "low": share.low, "high": share.high, "outcome": MEASURED}
                names = {name: row[name] for name in ("model", "backend", "series", "hidden_size")}
                found.append(names | {"ceiling": ceiling, "label": label} | numbers)
    columns = ["model", "backend", "series", "hidden_size", "ceiling", "label", "value", "low", "high", "outcome"]
    return pd.DataFrame(found, columns=columns)


def _alone(ceilings: pd.DataFrame, ceiling: str, at: AnchorPoint) -> pd.DataFrame:
    """The ceiling's summary rows at the focus, by hidden size."""
    here = at.over("hidden_size", ceilings.assign(task=at.task), STEP_TIME)
    here = here[(here["backend"] == ceiling) & (here["outcome"] == MEASURED)]
    return here.drop_duplicates("hidden_size").set_index("hidden_size")
