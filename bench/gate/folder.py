"""Where a gate's measurements lie: a folder that is whole at every moment, and taken up again where it ended.

It holds the plan, `gate.json`, which `python -m analysis gate` reads, and a file of pytest-benchmark's format for
each side of each stage. Known weakness: a plan that was made for other cells is another folder, so that a larger
slice measures its shared cells again.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.documents import COUNT, DURATION, FLAG, TEXT, ListOf, MapOf, Maybe, Record
from analysis.vocabulary import CONFIRMING, DETECTABLE_FORMAT, GATE_FORMAT, GATE_PLAN
from analysis.vocabulary import NAMING as NAMING_FILES
from bench.commits.checkouts import Commit
from bench.errors import ResultsError
from bench.grid import Cell
from bench.reading import read_format
from bench.run_file import RunFile, write_atomically
from bench.slices import written_for

SCREENING, CONFIRMATION, NAMING = "", CONFIRMING, NAMING_FILES
ADVICE = "move the folder away, or start a new one with --fresh"
CALIBRATION = Record({"machine": TEXT, "recorded": TEXT, "cells": MapOf(DURATION)})
SHAPE = Record(
    {
        **dict.fromkeys(("base", "head", "conditions", "absent", "commands"), Record()),
        **dict.fromkeys(("cells", "notes"), ListOf(TEXT)),
        **dict.fromkeys(("sentinel", "again"), TEXT),
        "suspects": Maybe(ListOf(TEXT)),
        "ended": FLAG,
        "instructions": Maybe(Record()),
    },
    {
        "confirm_passes": COUNT,
        "confirm_rounds": COUNT,  # in older plans
        "naming": Record({"cells": ListOf(TEXT), "passes": COUNT}),
    },
)


class Folder:
    """One gate's folder.

    Attributes:
        path: the folder.
        plan: what `gate.json` holds; `save` writes it.
    """

    def __init__(self, path: Path, plan: dict) -> None:
        self.path, self.plan = path, plan

    @classmethod
    def open(
        cls,
        results: Path,
        base: Commit,
        head: Commit,
        conditions: Mapping[str, object],
        plan: Mapping[str, object],
        *,
        fresh: bool,
    ) -> "Folder":
        """The newest folder of this plan under `results`, or a new one if there is none or `fresh` asks for it.

        Raises:
            ResultsError: the plan there is damaged, or the folder cannot be written.
        """
        digest = hashlib.sha256(json.dumps([plan["cells"], conditions], sort_keys=True).encode()).hexdigest()[:8]
        name = f"{base.name}-{head.name}-{digest}"
        numbers = {path: int(re.match("[0-9]+", path.name)[0]) for path in results.glob("[0-9]*_*")}
        earlier = [path for path in numbers if path.name.partition("_")[2] == name]
        if earlier and not fresh:
            newest = max(earlier, key=numbers.__getitem__)
            return cls(newest, _read(newest / GATE_PLAN, base, head))
        sides = {
            side: {"name": commit.name, "commit": commit.digits, "subject": commit.subject}
            for side, commit in (("base", base), ("head", head))
        }
        undecided = dict.fromkeys(("suspects", "confirm_passes", "naming", "instructions"))
        empty = {**undecided, "ended": False, "notes": []}
        folder = cls(
            results / f"{max(numbers.values(), default=0) + 1:04d}_{name}",
            {"format": GATE_FORMAT, **sides, "conditions": dict(conditions), **empty, **plan},
        )
        folder.save()
        return folder

    def save(self) -> None:
        """Writes the plan."""
        write_atomically(self.path / GATE_PLAN, json.dumps(self.plan, indent=1))

    def note(self, text: str) -> None:
        """Keeps a remark on the run, once, for whoever reads its verdict."""
        if text not in self.plan["notes"]:
            self.plan["notes"].append(text)
            self.save()

    def run_file(self, stage: str, side: str) -> RunFile:
        """The figures of "base" or "head" in the SCREENING, the CONFIRMATION or the NAMING."""
        return RunFile.at(self.path / f"{stage}{side}.json", self.plan["conditions"])


def _read(path: Path, base: Commit, head: Commit) -> dict:
    plan = read_format(path, SHAPE, GATE_FORMAT, ADVICE)
    for side, commit in (("base", base), ("head", head)):
        if plan[side].get("commit") != commit.digits:
            raise ResultsError(f"{path} is the plan of other commits; {ADVICE}.")
    plan["confirm_passes"] = plan.pop("confirm_rounds", plan.get("confirm_passes"))
    plan.setdefault("naming", None)
    if (plan["suspects"] is None) != (plan["confirm_passes"] is None):
        raise ResultsError(f"{path} is damaged: it has suspects or passes to confirm them, not both; {ADVICE}.")
    return plan


def calibration(path: Path) -> dict | None:
    """The slowdowns that a calibrated machine's gates see, by cell; None where there is no calibration.

    Raises:
        ResultsError: the file is damaged.
    """
    if not path.exists():
        return None
    advice = "draw the calibration's report again, or move the file away"
    return {**read_format(path, CALIBRATION, DETECTABLE_FORMAT, advice)}


def commands(cells: Sequence[Cell], again: str) -> dict[str, str]:
    """For each cell the command that measures it alone, afresh; `again` is the one that measures them all."""
    return {cell.id: f"{again} {written_for(cell)} --fresh" for cell in cells}
