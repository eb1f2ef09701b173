"""A recording of `python -m bench calibrate` -> process medians by side, cell and pass.

They are all that the gate judges, and are kept as `recording.json` beside the report, to draw it again from.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from analysis.comparability import by_kind
from analysis.documents import DURATION, SECONDS, TEXT, ListOf, MapOf, Record, check, load_format, real
from analysis.errors import AnalysisError
from analysis.regressions.comparison import one_setting, require_comparable
from analysis.regressions.measurements import measurements_of
from analysis.results import read as read_results
from analysis.vocabulary import BASE, CALIBRATION_PLAN, CALIBRATIONS, RECORDING_FORMAT, SAME

COMPACT = "recording.json"
PROCESSES = re.compile(r" \([^()]*\bprocess [0-9]+[^()]*\)")
FEWEST_PASSES = 8  # a half of them for the screening, a half for the confirmation
MOST_PASSES = 10**6

# A gate is replayed until its time is up, so that a pair which costs nothing would be replayed for ever.
PAIR = real(0.5, 1e6)
SHARED = {
    "cells": ListOf(TEXT, least=1),
    **dict.fromkeys(("sentinel", "slowed"), TEXT),
    "slowdowns": MapOf(real(1e-6, 100.0)),
    "notes": ListOf(TEXT),
}
PLAN_SHAPE = Record({**SHARED, "commit": Record({"name": TEXT, "subject": TEXT}), "seconds": MapOf(DURATION)})
COMPACT_SHAPE = Record(
    {**SHARED, "facts": MapOf(TEXT), "pair_seconds": PAIR, "times": MapOf(MapOf(MapOf(SECONDS)))}
)

Times = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Recording:
    """Real passes of one commit against itself and against slowed copies of itself.

    Attributes:
        facts: what people want to know of machine, versions and commit, by name.
        cells: those that the gate judges.
        sentinel, slowed: variants, "lstm:torch" and "urnn:cpu".
        slowdowns: side -> the fraction that its calls of the slowed model took longer.
        pair_seconds: what measuring one cell on two sides takes, start of processes included.
        times: side -> cell -> pass -> seconds per time step, the median of a process.
        notes: remarks of whoever recorded it.
    """

    facts: Mapping[str, str]
    cells: tuple[str, ...]
    sentinel: str
    slowed: str
    slowdowns: Mapping[str, float]
    pair_seconds: float
    times: Mapping[str, Times]
    notes: tuple[str, ...] = ()

    @property
    def passes(self) -> tuple[int, ...]:
        """Passes in which every side was measured whole, in their order; a slowed one has some cells alone."""
        whole = [set(self.times[side].get(cell, {})) for side in (BASE, SAME) for cell in self.cells]
        slowed = [self.times[side] for side in self.slowdowns]
        whole += [set(times[cell]) for times in slowed for cell in self.cells if cell in times]
        return tuple(sorted(set.intersection(*whole)))

    @property
    def slowed_cells(self) -> tuple[str, ...]:
        return tuple(cell for cell in self.cells if cell.startswith(f"{self.slowed}-"))


def read(path: Path) -> Recording:
    """A recording's folder, or a report's or the compact file in it.

    Raises AnalysisError for what is no recording, is damaged, mixes conditions or has too few passes.
    """
    if os.path.isdir(path) and not os.path.lexists(path / CALIBRATION_PLAN) and (path / COMPACT).is_file():
        path /= COMPACT  # a report's folder
    recording = _of_folder(path) if os.path.isdir(path) else _of_file(path)
    wanted = {BASE: recording.cells, SAME: recording.cells}
    wanted |= dict.fromkeys(recording.slowdowns, recording.slowed_cells)
    for side, cells in wanted.items():
        missing = [cell for cell in cells if not recording.times.get(side, {}).get(cell)]
        if missing or side not in recording.times:
            lacking = missing[0] if missing else "every cell"
            raise AnalysisError(f"{path}: expected times of {lacking} for the side {side!r}, got none.")
    if len(recording.passes) < FEWEST_PASSES:
        raise AnalysisError(
            f"{path}: expected at least {FEWEST_PASSES} whole passes, got {len(recording.passes)}; "
            "`python -m bench calibrate` goes on recording."
        )
    # What ran in the processes that a remark names in brackets is not for publication.
    return replace(recording, notes=tuple(PROCESSES.sub("", note) for note in recording.notes))


def newest(folder: Path = CALIBRATIONS) -> Path:
    """The recording there that was written to last.

    Raises AnalysisError where there is none.
    """
    plans = sorted(folder.glob(f"*/{CALIBRATION_PLAN}"), key=lambda path: path.lstat().st_mtime)
    if not plans:
        raise AnalysisError(f"No recording in {folder}; run `python -m bench calibrate` first.")
    return plans[-1].parent


def compact(recording: Recording) -> str:
    """The recording as JSON, six digits of every time."""
    times = {
        side: {cell: {at: float(f"{value:.6g}") for at, value in passes.items()} for cell, passes in cells.items()}
        for side, cells in recording.times.items()
    }
    return json.dumps({"format": RECORDING_FORMAT, **asdict(recording), "times": times}, allow_nan=False) + "\n"


def _of_file(path: Path) -> Recording:
    found = load_format(path, COMPACT_SHAPE, RECORDING_FORMAT, "a recording")
    times = {
        side: {
            cell: {_pass_number(at, path): float(value) for at, value in passes.items()}
            for cell, passes in cells.items()
        }
        for side, cells in found["times"].items()
    }
    values = {field.name: found[field.name] for field in fields(Recording)}
    return Recording(**values | {"cells": tuple(found["cells"]), "times": times})


def _pass_number(text: str, path: Path) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_PASSES))):
        raise AnalysisError(f"{path}: expected passes to be whole numbers, got {text!r}.")
    return int(text)


def _of_folder(folder: Path) -> Recording:
    path = folder / CALIBRATION_PLAN
    plan = load_format(path, PLAN_SHAPE, RECORDING_FORMAT, "a recording")
    files = {name: folder / f"{name}.json" for name in (BASE, SAME, *plan["slowdowns"])}
    results = {name: read_results([file]) for name, file in files.items()}
    settings = {name: one_setting(by_kind(results[name].frame), file) for name, file in files.items()}
    setting = settings[BASE]
    for name in [SAME, *plan["slowdowns"]]:
        require_comparable(setting, settings[name], files[BASE], files[name])
    begun = results[BASE].frame["measured_at"].dropna().astype(str)
    times = {name: measurements_of(found.frame, by_pass=True).times for name, found in results.items()}
    facts = {
        "Machine": setting.machine,
        "torch": setting.torch,
        "Threads": setting.threads,
        "Allocator": setting.allocator,
        "Commit": f"{plan['commit']['name']} {plan['commit']['subject']}",
        "Recording begun": begun.min()[:16].replace("T", " ") if len(begun) else "not recorded",
    }
    problems = dict.fromkeys(problem for found in results.values() for problem in found.problems)
    return Recording(
        facts={name: str(value) for name, value in facts.items()},
        cells=tuple(plan["cells"]),
        pair_seconds=_pair_seconds(list(plan["seconds"].values()), times, path),
        times=times,
        notes=(*plan["notes"], *problems),
        **{name: plan[name] for name in ("sentinel", "slowed", "slowdowns")},
    )


def _pair_seconds(passes: Sequence[float], times: Mapping[str, Times], plan: Path) -> float:
    """What one cell on two sides takes, from how long the passes that were timed took."""
    measured = sum(len(each) for side in times.values() for each in side.values())
    whole = {at for each in times[BASE].values() for at in each}
    if not passes or not whole:
        raise AnalysisError(f"{plan}: expected passes that were timed, got none; measure more of them.")
    found = 2 * sum(passes) / len(passes) / (measured / len(whole))
    check(found, PAIR, plan, ("seconds",))
    return found
