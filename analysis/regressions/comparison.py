"""Two result sets of any two commits -> one comparison: `python -m analysis compare OLD NEW`.

Both sides must come from one machine and the same versions, or a difference says nothing about the code. They were
not measured in turn, so only the sentinel shows a drift between them, and no fresh passes confirm a suspicion.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from analysis.comparability import Setting, split
from analysis.errors import AnalysisError
from analysis.regressions.judge import judge
from analysis.regressions.policy import Step
from analysis.regressions.side import Side, side_of
from analysis.regressions.verdict import Conclusion, Row, conclude, worst_first
from analysis.results import read

UNKNOWN = (None, "unknown", "unversioned")
# What must be equal on both sides, where both recorded it.
CONDITIONS = {
    "machine": "machine",
    "torch": "version of torch",
    "threads": "number of threads",
    "allocator": "allocator setting",
}


@dataclass(frozen=True)
class NamedCommit:
    """A side's name for people, and its subject line where it is known."""

    name: str
    subject: str = ""


@dataclass(frozen=True)
class Comparison:
    """Everything that the outputs show.

    `again` measures all of it again, `commands` one cell each. `open`, `suspects` and `next` are the gate's, which
    goes on measuring them.
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


def compare(old: Path, new: Path) -> Comparison:
    """Files or folders of asv or pytest-benchmark, one commit each -> the comparison of new with old.

    Raises AnalysisError for what cannot be read or does not belong together.
    """
    (base, head), settings, notes = read_sides(old, new)
    if settings[0].source != settings[1].source:
        notes.append(f"measured by different harnesses: {settings[0].source} and {settings[1].source}")
    seen = dict.fromkeys([*base.times, *base.messages, *head.times, *head.messages])
    cells = [cell for cell in seen if cell not in base.skipped & head.skipped]
    rows = worst_first(judge(base, head, cells).rows)
    again = f"python -m analysis compare {old} {new}"
    commits = [NamedCommit(setting.version()) for setting in settings]
    return Comparison(*commits, rows, conclude(rows), tuple(notes), again)


def read_sides(
    old: Path, new: Path, *, of_gate: bool = False
) -> tuple[tuple[Side, Side], list[Setting], list[str]]:
    """Both sides, their settings, and what was left out; a gate pairs passes, and a file of it may be missing."""
    sides, settings, notes = [], [], []
    for path in (old, new):
        if of_gate and not os.path.lexists(path):
            sides.append(Side({}))
            continue
        results = read([path])
        notes += results.problems
        settings.append(one_setting(results.frame, path))
        sides.append(side_of(results.frame, by_pass=of_gate))
    if len(settings) == 2:
        require_comparable(*settings, old, new)
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
