"""A recording of `python -m bench calibrate` -> process medians by side, cell and round.

Why: the recording itself is megabytes of single calls; what the gate judges are the medians of processes, and
those are kept beside the report as `recording.json`, from which it can be drawn again.

Known weakness: none known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from analysis.errors import AnalysisError
from analysis.regressions.comparison import one_setting, require_comparable
from analysis.regressions.side import side_of
from analysis.results import load_json
from analysis.results import read as read_results

FORMAT = 1
PLAN, COMPACT = "calibration.json", "recording.json"
FOLDER = Path(".gate", "calibration")
BASE, SAME = "base", "same"
FEWEST_ROUNDS = 8  # a half of them for the screening, a half for the confirmation

Times = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Recording:
    """Real rounds of one commit against itself and against slowed copies of itself.

    Attributes:
        facts: what people want to know of machine, versions and commit, by name.
        cells: those that the gate judges.
        sentinel, slowed: variants, "lstm:torch" and "urnn:cpu".
        slowdowns: side -> the fraction that its calls of the slowed model took longer.
        pair_seconds: what measuring one cell on two sides takes, start of processes included.
        times: side -> cell -> round -> seconds per time step, the median of a process.
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
    def rounds(self) -> tuple[int, ...]:
        """Rounds in which base and the same commit again were measured whole, in their order."""
        whole = [set(self.times[side].get(cell, {})) for side in (BASE, SAME) for cell in self.cells]
        return tuple(sorted(set.intersection(*whole)))

    @property
    def slowed_cells(self) -> tuple[str, ...]:
        return tuple(cell for cell in self.cells if cell.startswith(f"{self.slowed}-"))


def read(path: Path) -> Recording:
    """A recording's folder, or the compact file beside a report.

    Raises AnalysisError for what is no recording, is damaged, mixes conditions or has too few rounds.
    """
    recording = _of_folder(path) if path.is_dir() else _of_file(path)
    if len(recording.rounds) < FEWEST_ROUNDS:
        raise AnalysisError(
            f"{path}: expected at least {FEWEST_ROUNDS} whole rounds, got {len(recording.rounds)}; "
            "`python -m bench calibrate` goes on recording."
        )
    return recording


def newest(folder: Path = FOLDER) -> Path:
    """The recording there that was written to last.

    Raises AnalysisError where there is none.
    """
    plans = sorted(folder.glob(f"*/{PLAN}"), key=lambda path: path.stat().st_mtime)
    if not plans:
        raise AnalysisError(f"No recording in {folder}; run `python -m bench calibrate` first.")
    return plans[-1].parent


def compact(recording: Recording) -> str:
    """The recording as JSON, six digits of every time."""
    times = {
        side: {
            cell: {str(at): float(f"{value:.6g}") for at, value in rounds.items()}
            for cell, rounds in cells.items()
        }
        for side, cells in recording.times.items()
    }
    return json.dumps({"format": FORMAT, **asdict(recording), "times": times}, allow_nan=False) + "\n"


def _of_file(path: Path) -> Recording:
    found = _checked(path)
    try:
        values = {field.name: found[field.name] for field in fields(Recording)}
        times = {
            side: {cell: {int(at): float(value) for at, value in rounds.items()} for cell, rounds in cells.items()}
            for side, cells in values["times"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnalysisError(f"{path}: the recording is incomplete ({error!r}).") from error
    return Recording(**values | {"cells": tuple(values["cells"]), "notes": tuple(values["notes"]), "times": times})


def _of_folder(folder: Path) -> Recording:
    plan = _checked(folder / PLAN)
    try:
        names = [BASE, SAME, *plan["slowdowns"]]
        seconds, cells = plan["seconds"].values(), tuple(plan["cells"])
        commit, known = plan["commit"], {name: plan[name] for name in ("sentinel", "slowed", "slowdowns")}
        notes = tuple(plan["notes"])
    except (KeyError, TypeError, AttributeError) as error:
        raise AnalysisError(f"{folder / PLAN}: the plan is incomplete ({error!r}).") from error
    frames = {name: read_results([folder / f"{name}.json"]).frame for name in names}
    settings = {name: one_setting(frame, folder / f"{name}.json") for name, frame in frames.items()}
    for name in names[1:]:
        require_comparable(settings[BASE], settings[name], folder / f"{BASE}.json", folder / f"{name}.json")
    times = {name: side_of(frame, by_pass=True).times for name, frame in frames.items()}
    measured = sum(len(rounds) for side in times.values() for rounds in side.values())
    whole = {at for rounds in times[BASE].values() for at in rounds}
    pair = 2 * sum(seconds) / len(plan["seconds"]) / (measured / len(whole)) if plan["seconds"] else 0.0
    setting = settings[BASE]
    facts = {
        "Machine": setting.machine,
        "torch": str(setting.torch),
        "Threads": str(setting.threads),
        "Allocator": str(setting.allocator),
        "Commit": f"{commit['name']} {commit['subject']}",
        "Recording begun": _first(frames[BASE]["measured_at"].dropna().astype(str)),
    }
    return Recording(facts=facts, cells=cells, pair_seconds=pair, times=times, notes=notes, **known)


def _checked(path: Path) -> Mapping[str, Any]:
    found = load_json(path)
    given = found.get("format") if isinstance(found, dict) else None
    if given != FORMAT:
        raise AnalysisError(f"{path}: expected a recording of format {FORMAT}, got {given!r}.")
    return found


def _first(times: Any) -> str:
    return min(times)[:16].replace("T", " ") if len(times) else "not recorded"
