"""A folder of `python -m bench gate` -> its comparison.

The folder holds the plan, `gate.json`, the screening's `base.json` and `head.json`, and the confirmation's
`confirm_base.json` and `confirm_head.json`, all four in pytest-benchmark's format, paired by the passes' numbers.
Each may be missing while nothing is in it yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.documents import AMOUNT, TEXT, ListOf, MapOf, Maybe, Record, load_format
from analysis.regressions.comparison import Comparison, NamedCommit, read_sides
from analysis.regressions.judge import instruction_rows, judge_gate
from analysis.regressions.policy import Pace, next_step
from analysis.regressions.verdict import TIME, Row, Verdict, conclude, worst_first
from analysis.vocabulary import CONFIRMING, GATE_FORMAT, GATE_PLAN, SIDES

TEXTS = ListOf(TEXT)
COUNTED = Record({"counts": MapOf(AMOUNT), "reason": TEXT})
SHAPE = Record(
    {
        **dict.fromkeys(SIDES, Record({"name": TEXT, "subject": TEXT})),
        **dict.fromkeys(("cells", "notes"), TEXTS),
        "absent": Record(dict.fromkeys(SIDES, TEXTS)),
        **dict.fromkeys(("sentinel", "again"), TEXT),
        "suspects": Maybe(TEXTS),
        "instructions": Maybe(Record(dict.fromkeys(SIDES, COUNTED))),
        "commands": MapOf(TEXT),
    }
)


def judge_folder(folder: Path, pace: Pace | None = None) -> Comparison:
    """What the measurements in a gate's folder say so far; with a pace, what to measure next.

    Raises AnalysisError for a folder without a plan, a damaged file, or sides that do not belong together.
    """
    plan = load_format(folder / GATE_PLAN, SHAPE, GATE_FORMAT, "a gate's plan")
    (screening, _, problems), (confirmation, _, others) = (
        read_sides(*(folder / f"{stage}{side}.json" for side in SIDES), of_gate=True) for stage in ("", CONFIRMING)
    )
    absent = _absent_rows(plan)
    cells = [cell for cell in plan["cells"] if cell not in {row.cell for row in absent}]
    judged = judge_gate(screening, confirmation, cells, plan["suspects"], sentinel=plan["sentinel"])
    rows = worst_first(judged.rows + instruction_rows(plan["instructions"]) + absent)
    return Comparison(
        *(NamedCommit(plan[side]["name"], plan[side]["subject"]) for side in SIDES),
        rows=rows,
        outcome=conclude(rows),
        notes=(*plan["notes"], *dict.fromkeys(problems + others)),
        again=plan["again"],
        open=judged.open,
        suspects=judged.suspects,
        commands=plan["commands"],
        next=next_step(judged, cells, pace) if pace else None,
    )


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
