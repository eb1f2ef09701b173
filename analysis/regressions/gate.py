"""A folder of `python -m bench gate` -> its comparison.

The folder holds the plan, `gate.json` (format, base, head, cells, those that base or head is without, sentinel,
suspects, notes, again, commands), the screening's `base.json` and `head.json`, and the confirmation's
`confirm_base.json` and `confirm_head.json`, all four in pytest-benchmark's format, paired by the passes' numbers.
Each may be missing while nothing is in it yet.

Known weakness: a cell that is in none of the files is known from the plan alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from analysis.documents import AMOUNT, TEXT, ListOf, MapOf, Maybe, Record, Whole, load_format
from analysis.regressions.comparison import Comparison, NamedCommit, one_setting, require_comparable
from analysis.regressions.judge import judge_gate
from analysis.regressions.numbers import instruction_rows
from analysis.regressions.policy import Pace, next_step
from analysis.regressions.side import Side, side_of
from analysis.regressions.verdict import TIME, Row, Verdict, conclude, worst_first
from analysis.results import read
from analysis.vocabulary import CONFIRMING, GATE_FORMAT, GATE_PLAN

TEXTS = ListOf(TEXT)
COUNTED = Record({"counts": MapOf(AMOUNT), "reason": TEXT})
SHAPE = Record(
    {
        "format": Whole(GATE_FORMAT, GATE_FORMAT),
        **dict.fromkeys(("base", "head"), Record({"name": TEXT, "subject": TEXT})),
        **dict.fromkeys(("cells", "notes"), TEXTS),
        "absent": Record({"base": TEXTS, "head": TEXTS}),
        **dict.fromkeys(("sentinel", "again"), TEXT),
        "suspects": Maybe(TEXTS),
        "instructions": Maybe(Record({"base": COUNTED, "head": COUNTED})),
        "commands": MapOf(TEXT),
    }
)


def judge_folder(folder: Path, pace: Pace | None = None) -> Comparison:
    """What the measurements in a gate's folder say so far; with a pace, what to measure next.

    Raises AnalysisError for a folder without a plan, a damaged file, or sides that do not belong together.
    """
    plan = load_format(folder / GATE_PLAN, SHAPE, GATE_FORMAT, "a gate's plan")
    problems: list[str] = []
    screening = _sides(folder, "base.json", "head.json", problems)
    confirmation = _sides(folder, f"{CONFIRMING}base.json", f"{CONFIRMING}head.json", problems)
    absent = _absent_rows(plan["cells"], plan["absent"]["base"], plan["absent"]["head"])
    cells = [cell for cell in plan["cells"] if cell not in {row.cell for row in absent}]
    sentinel, suspects = plan["sentinel"], plan["suspects"]
    commits = [NamedCommit(plan[side]["name"], plan[side]["subject"]) for side in ("base", "head")]
    notes = (*plan["notes"], *dict.fromkeys(problems))
    again, commands = plan["again"], plan["commands"]
    counted = plan["instructions"]
    judged = judge_gate(screening, confirmation, cells, suspects, sentinel=sentinel)
    rows = worst_first(judged.rows + instruction_rows(counted) + absent)
    asked = (judged.open, judged.suspects)
    step = next_step(judged, cells, pace) if pace else None
    return Comparison(*commits, rows, conclude(rows), notes, again, *asked, commands, step)


def _absent_rows(cells: Sequence[str], base: Sequence[str], head: Sequence[str]) -> list[Row]:
    """Cells that a commit's registry does not have. Only one that head has lost is head's fault."""
    rows = []
    for cell in cells:
        if cell in base:
            reason = "neither commit has it" if cell in head else "new: base does not have it"
            rows.append(Row(cell, TIME, Verdict.NOT_MEASURED, reason=reason, excused=True))
        elif cell in head:
            rows.append(Row(cell, TIME, Verdict.NOT_MEASURED, reason="head does not have it: removed or renamed"))
    return rows


def _sides(folder: Path, base: str, head: str, problems: list[str]) -> tuple[Side, Side]:
    """Both sides of one stage; a file that is not there yet is an empty side. Adds to `problems` what was left
    out."""
    sides, settings = [], []
    for path in (folder / base, folder / head):
        if not os.path.lexists(path):
            sides.append(Side({}))
            continue
        results = read([path])
        frame = results.frame
        problems += results.problems
        settings.append((one_setting(frame, path), path))
        sides.append(side_of(frame, by_pass=True))
    if len(settings) == 2:
        (old, old_path), (new, new_path) = settings
        require_comparable(old, new, old_path, new_path)
    return sides[0], sides[1]
