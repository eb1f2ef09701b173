"""Two commits -> one comparison: two results of this suite, or a gate's folder.

Two results were not measured in turn, so only the sentinel shows a drift between them, and no fresh passes confirm
a suspicion. A gate's folder holds its plan and a results file a side for the screening and for the confirmation,
paired by the passes' numbers; each may be missing while nothing is in it yet.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.comparability import Setting, by_kind, split
from analysis.documents import AMOUNT, TEXT, ListOf, MapOf, Maybe, Record, load_format, real
from analysis.errors import AnalysisError
from analysis.regressions.judge import (
    RULES,
    TIME,
    Conclusion,
    Pair,
    Row,
    Rules,
    Verdict,
    answer,
    conclude,
    instruction_rows,
    judge_gate,
    worst_first,
)
from analysis.regressions.measurements import Measurements, measurements_of
from analysis.regressions.policy import Pace, Step, naming_step, next_step
from analysis.results import read
from analysis.vocabulary import CONFIRMING, GATE_FORMAT, GATE_PLAN, NAMING, SIDES

UNKNOWN = (None, "unknown", "unversioned")
# What must be equal on both sides, where both recorded it.
CONDITIONS = {
    "machine": "machine",
    "torch": "version of torch",
    "threads": "number of threads",
    "allocator": "allocator setting",
}
# Of a gate's plan, the keys that are read here.
TEXTS = ListOf(TEXT)
COUNTED = Record({"counts": MapOf(AMOUNT), "reason": TEXT})
CALIBRATION = Record({"machine": TEXT, "recorded": TEXT, "cells": MapOf(real(0.0, 1e7))})
SHAPE = Record(
    {
        **dict.fromkeys(SIDES, Record({"name": TEXT, "subject": TEXT})),
        **dict.fromkeys(("cells", "notes"), TEXTS),
        "absent": Record(dict.fromkeys(SIDES, TEXTS)),
        **dict.fromkeys(("sentinel", "again"), TEXT),
        "suspects": Maybe(TEXTS),
        "instructions": Maybe(Record(dict.fromkeys(SIDES, COUNTED))),
        "commands": MapOf(TEXT),
    },
    {"detectable": CALIBRATION},
)


@dataclass(frozen=True)
class NamedCommit:
    """A side's name for people, and its subject line where it is known."""

    name: str
    subject: str = ""


@dataclass(frozen=True)
class Comparison:
    """Everything that the outputs show.

    `again` measures all of it again, `commands` one cell each. `open`, `suspects` and `next` are the gate's, which
    goes on measuring them. `rules` are those that it was judged by, `noun` is what a row is called.
    """

    base: NamedCommit
    head: NamedCommit
    rows: list[Row]
    outcome: Conclusion
    notes: tuple[str, ...] = ()
    again: str = ""
    open: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    commands: Mapping[str, str] = field(default_factory=dict)
    next: Step | None = None
    rules: Rules = RULES
    noun: str = "cell"


def compare_cells(old: Sequence[Path], new: Sequence[Path], again: str, rules: Rules = RULES) -> Comparison:
    """Files or folders of this suite, one commit a side -> the comparison of new with old.

    Raises AnalysisError for what cannot be read or does not belong together.
    """
    (base, head), settings, notes = read_sides(old, new)
    if settings[0].source != settings[1].source:
        notes.append(f"measured by different harnesses: {settings[0].source} and {settings[1].source}")
    seen = dict.fromkeys([*base.times, *base.messages, *head.times, *head.messages])
    cells = [cell for cell in seen if cell not in base.skipped & head.skipped]
    commits = [NamedCommit(setting.version()) for setting in settings]
    return Comparison(*commits, *answer(base, head, cells, rules), tuple(notes), again, rules=rules)


def judge_folder(folder: Path, pace: Pace | None = None) -> Comparison:
    """What the measurements in a gate's folder say so far; with a pace, what to measure next.

    Raises AnalysisError for a folder without a plan, a damaged file, or sides that do not belong together.
    """
    plan = load_format(folder / GATE_PLAN, SHAPE, GATE_FORMAT, "a gate's plan")
    stages = [
        read_sides(*([folder / f"{stage}{side}.json"] for side in SIDES), of_gate=True)
        for stage in ("", CONFIRMING, NAMING)
    ]
    screening, confirmation, naming = (sides for sides, _, _ in stages)
    problems = dict.fromkeys(problem for _, _, found in stages for problem in found)
    absent = _absent_rows(plan)
    cells = [cell for cell in plan["cells"] if cell not in {row.cell for row in absent}]
    sentinel, confirmed = plan["sentinel"], plan["suspects"]
    judged = judge_gate(screening, confirmation, cells, confirmed or (), sentinel, naming)
    step = None
    if pace is not None and confirmed is None:
        step = next_step(judged, cells, sentinel, pace)
    elif pace is not None:
        step = naming_step(judged, sentinel, pace)
    timed, remarks = _calibrated(judged.rows, plan.get("detectable"), stages[0][1])
    rows = worst_first(timed + instruction_rows(plan["instructions"]) + absent)
    return Comparison(
        *(NamedCommit(plan[side]["name"], plan[side]["subject"]) for side in SIDES),
        rows=rows,
        outcome=conclude(rows),
        notes=(*plan["notes"], *problems, *remarks),
        again=plan["again"],
        open=judged.open,
        suspects=judged.suspects,
        commands=plan["commands"],
        next=step,
    )


def _calibrated(
    rows: list[Row], calibration: Mapping[str, Any] | None, settings: Sequence[Setting]
) -> tuple[list[Row], list[str]]:
    """The rows with the slowdown that the gate would have seen in each cell, and where that is from."""
    machine = next((setting.machine for setting in settings), None)
    if calibration is None or machine is None:
        return rows, []
    if calibration["machine"] != machine:
        return rows, [f"what would have been seen is not known: {machine} is not calibrated (make calibrate)"]
    seen = calibration["cells"]
    told = [replace(row, detectable=seen.get(row.cell)) if row.metric == TIME else row for row in rows]
    where = f"{calibration['machine']}, recorded {calibration['recorded'] or 'at an unknown time'}"
    return told, [f"what would have been seen is from the calibration of {where}"]


def _absent_rows(plan: Mapping[str, Any]) -> list[Row]:
    """Cells that a commit's registry does not have. Only one that head has lost is head's fault."""
    base, head = (plan["absent"][side] for side in SIDES)
    rows = []
    for cell in plan["cells"]:
        if cell in base:
            reason = "neither commit has it" if cell in head else "new: base does not have it"
            rows.append(Row(cell, TIME, Verdict.NOT_MEASURED, reason=reason, excused=True))
        elif cell in head:
            rows.append(Row(cell, TIME, Verdict.NOT_MEASURED, reason="head does not have it: removed or renamed"))
    return rows


def read_sides(
    old: Sequence[Path], new: Sequence[Path], *, of_gate: bool = False
) -> tuple[Pair, list[Setting], list[str]]:
    """Both sides, their settings, and what was left out; a gate pairs passes, and a file of it may be missing.

    A setting's machine is its kind where that is known: two machines may have one name and different processors.
    """
    sides, settings, notes, found = [], [], [], []
    for paths in (old, new):
        if of_gate and not all(map(os.path.lexists, paths)):
            sides.append(Measurements({}))
            continue
        results = read(paths)
        notes += results.problems
        found.append(results.frame)
        settings.append(one_setting(by_kind(results.frame), paths[0]))
        sides.append(measurements_of(results.frame, by_pass=of_gate))
    if len(found) == 2:
        named = (one_setting(frame, paths[0]) for frame, paths in zip(found, (old, new), strict=True))
        require_comparable(*named, old[0], new[0])
        if all(frame["kind"].notna().any() for frame in found):
            require_comparable(*settings, old[0], new[0])
    return (sides[0], sides[1]), settings, notes


def one_setting(frame: pd.DataFrame, path: Path) -> Setting:
    """The setting of a side; cells on several devices or dtypes may stand in one.

    Raises AnalysisError where several commits or conditions are mixed.
    """
    settings = list(dict.fromkeys(replace(setting, device="", dtype="") for setting in split(frame)))
    if len(settings) > 1:
        found = sorted({f"{one.version()} on {one.machine}, allocator {one.allocator}" for one in settings})
        raise AnalysisError(
            f"{path}: expected one commit under one set of conditions, got {len(settings)} ({'; '.join(found)}); "
            "name one file."
        )
    return settings[0]


def require_comparable(old: Setting, new: Setting, old_path: Path, new_path: Path) -> None:
    """Raises AnalysisError, naming what differs, unless both sides were measured alike."""
    for name, words in CONDITIONS.items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after and before not in UNKNOWN and after not in UNKNOWN:
            raise AnalysisError(
                f"Expected one {words} on both sides, got {before} in {old_path} and {after} in {new_path}; "
                "a difference would not be the code's."
            )
