"""The chapter on a CUDA device: the bar for the fused kernel, and what the launches of a call cost.

Known weakness: settings of one machine and device are laid side by side whatever their commit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from analysis import units
from analysis.device_bar import HALF, REFERENCE, Finding, findings
from analysis.report.chapters import Chapter
from analysis.report.section import URNN, Section
from analysis.report.tables import CELL_HEADINGS, Cell, Table, cell_columns, number
from analysis.schema import ENQUEUE_TIME, GRAPH, MEASURED, STEP_TIME
from analysis.statistics.summary import CELL

COMMAND = "python -m bench run --profile gpu"
TONES = {True: "ahead", False: "behind", None: "none"}
WORDS = {True: "met", False: "not met", None: units.NOT_MEASURED}


TITLE = "The bar for a CUDA device"
EXPLAIN = (
    "What is asked of the fused kernel on a data-centre GPU, at B = 128 and T = 512 in float32 unless said. Times "
    "are the device's own, by events; TF32 is off unless a dtype says tf32."
)


def not_measured(section: Section) -> Chapter:
    """The chapter where no CUDA device was measured: which command does it."""
    nothing = section.cells.iloc[:0]
    return Chapter("device", TITLE, EXPLAIN, sentences=[], cells=nothing, figures=[], tables=[], command=COMMAND)


def chapter(section: Section, beside: Sequence[Section]) -> Chapter:
    """The bar's findings; `beside` are the same machine's and device's settings in other dtypes."""
    half = {other.setting.dtype: other.cells for other in beside if other.setting.dtype in HALF}
    found = findings(section.cells, half, _fused(section.cells))
    met, missed = (sum(one.met is answer for one in found) for answer in (True, False))
    sentence = (
        f"Of {len(found)} rows of the bar for the fused kernel, {met} are met, {missed} are not, and "
        f"{len(found) - met - missed} are not or not wholly measured."
    )
    return Chapter(
        name="device",
        title=TITLE,
        explain=EXPLAIN,
        sentences=[sentence],
        cells=section.cells,
        figures=[],
        tables=[_bar(found), *_dtypes(beside), *_launches(section.cells)],
        command=COMMAND,
    )


def _fused(cells: pd.DataFrame) -> str | None:
    """The uRNN's backend that is neither the reference nor a captured call, by name."""
    backends = cells.loc[cells["model"] == URNN, "backend"].unique()
    return next((b for b in sorted(backends) if not b.startswith(REFERENCE) and not b.endswith(GRAPH)), None)


def _bar(found: Sequence[Finding]) -> Table:
    rows = [
        [Cell(one.what, one.what), Cell(one.bar, one.bar), Cell(one.found, one.found), _verdict(one)]
        for one in found
    ]
    return Table("The bar", [("What", False), ("Bar", False), ("Measured", False), ("Verdict", False)], rows)


def _verdict(one: Finding) -> Cell:
    return Cell(WORDS[one.met], WORDS[one.met], tone=TONES[one.met])


def _dtypes(beside: Sequence[Section]) -> list[Table]:
    """Step times of the baselines in other dtypes, which have no section of their own."""
    rows = []
    for other in beside:
        cells = other.cells[other.cells["metric"] == STEP_TIME]
        for row in cells.itertuples():
            time = number(row.value, units.seconds) if row.outcome == MEASURED else _nothing(row)
            rows.append([*cell_columns(row), Cell(other.setting.dtype, other.setting.dtype), time])
    return (
        [Table("In other dtypes", [*CELL_HEADINGS, ("dtype", False), ("Time per step", True)], rows)]
        if rows
        else []
    )


def _nothing(row: object) -> Cell:
    return Cell(row.outcome, math.inf, row.message, "none")


def _launches(cells: pd.DataFrame) -> list[Table]:
    """Time of the host to queue a call beside the device's time for it."""
    steps, queued = (
        cells[(cells["metric"] == metric) & (cells["outcome"] == MEASURED)] for metric in (STEP_TIME, ENQUEUE_TIME)
    )
    both = steps.merge(queued[[*CELL, "value"]], on=CELL, suffixes=("", "_host"))
    rows = []
    for row in both.itertuples():
        device = row.value * row.length
        share = row.value_host / device
        bound = "its launches" if share >= 0.9 else "its work"
        times = [number(value, units.seconds) for value in (device, row.value_host)]
        rows.append([*cell_columns(row), *times, number(share, units.per_cent), Cell(bound, bound)])
    headings = [*CELL_HEADINGS, ("Device", True), ("Host", True), ("Host over device", True), ("Bound by", False)]
    return [Table("What a call's launches cost", headings, rows)] if rows else []
