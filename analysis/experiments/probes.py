"""What linear probes found in the states of models that were trained to track a product, as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis import units
from analysis.experiments.schema import ABELIAN_PART, PRODUCT
from analysis.experiments.study import Study
from analysis.pages import Cell, Column, Table, between
from analysis.statistics import Estimate
from analysis.statistics.seeds import share

ALL = 0  # in the place of a window
NOTHING = Cell("", np.inf, tone="none")


def held(study: Study) -> Table:
    """A row a task and model, a column an answer; without rows where nothing was probed."""
    probes = study.logs.probes
    members = study.runs[study.runs["member"]][["run", "group"]]
    probes = members.merge(probes.assign(window=probes["window"].fillna(ALL).astype(int)), on="run")
    answers = [(PRODUCT, window) for window in sorted(set(probes["window"]) - {ALL})]
    answers += [(quantity, ALL) for quantity in (PRODUCT, ABELIAN_PART) if (probes["quantity"] == quantity).any()]
    found = {one: _found(rows) for one, rows in probes.groupby(["group", "quantity", "window"])}
    rows = [
        [Cell(group.place, group.group), group.size, *(found.get((group.group, *one), NOTHING) for one in answers)]
        for group in study.groups.itertuples()
        if (probes["group"] == group.group).any()
    ]
    columns = [Column("Task"), Column("Model"), *(Column(_heading(*one)) for one in answers)]
    return Table("What the states hold of a word", columns, rows, style="compact")


def _found(rows: pd.DataFrame) -> Cell:
    """The mean over seeds, and what guessing gets."""
    score = share(rows["score"]) or Estimate(np.nan, np.nan, np.nan)  # a probe's score is always there
    interval = between(score.low, score.high, units.share) if len(rows) > 1 else ""
    note = f"{interval}{'; ' * bool(interval)}guessing {units.share(rows['guessing'].mean())}"
    return Cell(units.share(score.value), score.value, note)


def _heading(quantity: str, window: int) -> str:
    if quantity == ABELIAN_PART:
        return "All, without their order"
    return {ALL: "All", 1: "Last element"}.get(window, f"Last {window}")
