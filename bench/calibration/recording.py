"""Passes of a commit against itself and against slowed copies of itself, side by side, stored as they come.

Each pass measures, cell by cell and in turn: the commit (`base`), the same once more (`same`), and a copy for
every slowdown. So all comparisons of a pass have seen the same machine; A/A and the slowdowns differ in nothing
else. The copies measure the slowed model's cells and their sentinels alone, all else being as in `same`.

Known weakness: more processes hold memory at once than in a gate, and the parts of a pair lie further apart.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.documents import TEXT, ListOf, Record, parse
from analysis.vocabulary import (
    BASE,
    CALIBRATION_PLAN,
    CALIBRATIONS,
    RECORDING_FORMAT,
    SAME,
    SENTINEL,
)
from bench import identity
from bench.calibration.injection import slow_down
from bench.commits import checkouts
from bench.commits.checkouts import Commit
from bench.errors import ResultsError, SweepError
from bench.grid import Cell, Profile, sentinels
from bench.lane.lane import Side
from bench.lane.settings import Settings
from bench.lane.turns import take_turns
from bench.machine.lock import sole_run
from bench.machine.watch import Watch
from bench.paths import ROOT
from bench.processes.scratch import scratch_folder
from bench.reading import read_format
from bench.run_file import RunFile, write_atomically

SLOWDOWNS = (0.02, 0.03, 0.05, 0.10)
FOLDER = ROOT / CALIBRATIONS
SHAPE = Record({"notes": ListOf(TEXT), "seconds": Record()})  # the rest is compared with what is asked for


@dataclass(frozen=True)
class Request:
    """What is recorded.

    Attributes:
        cells, profile: those of the gate.
        slowed: the model that is slowed down, "urnn:cpu".
        passes: how many there shall be in all.
        minutes: begin no pass after so many.
        wait: seconds to wait for a quiet machine, in all.
    """

    cells: Sequence[Cell]
    profile: Profile
    slowed: str
    passes: int
    minutes: float
    wait: float = 60.0
    threads: int = 1
    allocator: str = "huge"
    results: Path = FOLDER


@dataclass(frozen=True)
class Dependencies:
    """Injected dependencies: commits, processes and the machine."""

    resolve: Callable[[str], Commit] = checkouts.resolve
    check_out: Callable[[Commit, Path], None] = checkouts.check_out
    slow_down: Callable[[Path, str, float], None] = slow_down
    known_cells: Callable[[str, Settings, Sequence[Cell]], Sequence[Cell]] = checkouts.known_cells
    take_turns: Callable[[Sequence[tuple[Side, Sequence[Cell]]], int], None] = take_turns
    watch: Callable[..., Callable[[], None]] = Watch
    clock: Callable[[], float] = time.monotonic
    log: Callable[[str], None] = print


def slow_name(fraction: float) -> str:
    """0.05 -> "slow_5"."""
    return f"slow_{100 * fraction:g}"


def record(request: Request, use: Dependencies | None = None) -> Path:
    """Records passes until there are enough or the time is up; goes on where an earlier call ended. The folder.

    Raises:
        ValueError: the slowed model has no cell.
        SweepError, ResultsError: it cannot be measured or stored; what was recorded before is kept.
    """
    use = use or Dependencies()
    slowed = [cell for cell in request.cells if cell.variant == request.slowed]
    if not slowed:
        raise ValueError(f"{request.slowed!r} has no cell in this slice, so there is nothing to slow down")
    every = list(dict.fromkeys([*sentinels(request.cells), *request.cells]))
    few = [cell for cell in every if cell in slowed or cell in sentinels(slowed)]
    commit = use.resolve("HEAD")
    folder = _folder(request, commit)
    end = use.clock() + 60 * request.minutes
    with sole_run("calibration"), scratch_folder("calibration") as scratch:
        names = [BASE, SAME, *map(slow_name, SLOWDOWNS)]
        how = (request.profile, request.threads, request.allocator)
        settings = {name: Settings(*how, scratch / name) for name in names}
        _prepare(commit, settings, request.slowed, every, use)
        watch = use.watch(request.wait, use.log, lambda text: _note(folder, text))
        for number in range(1, request.passes + 1):
            if str(number) in _read(folder / CALIBRATION_PLAN)["seconds"]:
                continue
            if use.clock() > end:
                use.log(f"time was up before pass {number} of {request.passes}; the same command goes on")
                break
            watch()
            begin = use.clock()
            sides = {name: _side(folder, name, settings[name], commit) for name in names}
            is_fresh = all(at != number for _, at in sides[BASE].run_file.measured())
            use.take_turns(
                [(side, every if name in (BASE, SAME) else few) for name, side in sides.items()], number
            )
            if is_fresh:
                _time(folder, number, use.clock() - begin)
            use.log(f"pass {number} of {request.passes}")
    return folder


def _folder(request: Request, commit: Commit) -> Path:
    """The recording's folder with its plan.

    Raises:
        ResultsError: another plan lies there, or it cannot be written.
    """
    name = f"{commit.name}-{identity.results_digest(ROOT, request.cells)}-{request.slowed.replace(':', '_')}"
    plan = {
        "format": RECORDING_FORMAT,
        "commit": {"name": commit.name, "subject": commit.subject},
        "profile": request.profile.name,
        "cells": [cell.id for cell in request.cells],
        "sentinel": SENTINEL,
        "slowed": request.slowed,
        "slowdowns": {slow_name(fraction): fraction for fraction in SLOWDOWNS},
        "notes": [],
        "seconds": {},
    }
    path = request.results / name / CALIBRATION_PLAN
    if not path.exists():
        _write(path.parent, plan)
    found = _read(path)
    # Control characters in a subject are escapes there.
    as_read = parse(json.dumps(plan).encode(), CALIBRATION_PLAN)
    if {**found, "notes": [], "seconds": {}} != as_read:
        raise ResultsError(f"{path} is the plan of another recording; move its folder away to start a new one.")
    return path.parent


def _read(path: Path) -> dict:
    return read_format(path, SHAPE, RECORDING_FORMAT, "move its folder away to start a new one")


def _note(folder: Path, text: str) -> None:
    """Keeps a remark on the recording."""
    plan = _read(folder / CALIBRATION_PLAN)
    if text not in plan["notes"]:
        _write(folder, {**plan, "notes": [*plan["notes"], text]})


def _time(folder: Path, number: int, seconds: float) -> None:
    """Keeps how long a whole pass took; one that was taken up again has no such time."""
    plan = _read(folder / CALIBRATION_PLAN)
    _write(folder, {**plan, "seconds": {**plan["seconds"], str(number): seconds}})


def _write(folder: Path, plan: dict) -> None:
    write_atomically(folder / CALIBRATION_PLAN, json.dumps(plan, indent=1))


def _prepare(
    commit: Commit, settings: Mapping[str, Settings], slowed: str, cells: Sequence[Cell], use: Dependencies
) -> None:
    """A checkout for each side, the slowed ones slowed, each with its kernel built."""
    fractions = {slow_name(fraction): fraction for fraction in SLOWDOWNS}
    for name, setting in settings.items():
        use.check_out(commit, setting.root)
        if name in fractions:
            use.slow_down(setting.root, slowed, fractions[name])
        if set(use.known_cells(f"{name} {commit.name}", setting, cells)) != set(cells):
            raise SweepError(f"{commit.name} does not know every cell of this slice; commit the suite first")


def _side(folder: Path, name: str, settings: Settings, commit: Commit) -> Side:
    run_file = RunFile.at(folder / f"{name}.json", settings.conditions)
    return Side(settings, run_file, name, commit.as_commit_info(f"({name})"))
