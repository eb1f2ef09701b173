"""`python -m bench gate`: the pieces of this package put together.

Known weakness: what is measured is the product of two commits; changes that are not committed are not seen, except
those to the suite, which measures both.
"""

import shlex
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.regressions.policy import Pace, Step
from analysis.vocabulary import CALIBRATED, GATES, SENTINEL, SIDES, duration
from bench import identity
from bench.commits import checkouts
from bench.commits.checkouts import Commit
from bench.commits.environments import interpreters
from bench.errors import SweepError
from bench.gate import instructions, judge, stages
from bench.gate.folder import Folder, calibration, commands
from bench.grid import Cell, Profile, sentinels
from bench.lane.lane import Side
from bench.lane.settings import Settings
from bench.lane.turns import take_turns
from bench.machine.lock import sole_run
from bench.machine.throttling import Troubles
from bench.machine.watch import Watch
from bench.paths import ROOT
from bench.processes.scratch import scratch_folder

RESULTS = ROOT / GATES
COUNTING = 1 / 3  # of the gate's time is the most that instruction counts take
ENDING = 1 / 50  # of the gate's time is kept for a pass that has begun to end, and for the verdict


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        base, head: what git takes for a commit.
        cells, profile: what is measured, and how long each time.
        minutes: the time for all of it; builds and instruction counts leave the rest to measure in.
        environments: one of `environments.KINDS`: whose packages measure.
        wait: seconds to wait for a quiet machine, in all.
        slice: the options that chose the cells, to name the same ones again.
        markdown, json: files to write the verdicts to.
        calibrated: what a calibration's report says of the slowdowns that this machine's gates see.
    """

    base: str
    head: str
    cells: Sequence[Cell]
    profile: Profile
    threads: int = 1
    allocator: str = "huge"
    environments: str = "auto"
    minutes: float = 12.0
    wait: float = 60.0
    results: Path = RESULTS
    fresh: bool = False
    slice: tuple[str, ...] = ()
    markdown: Path | None = None
    json: Path | None = None
    calibrated: Path = ROOT / CALIBRATED

    @property
    def settings(self) -> Settings:
        """Of this checkout; each side has the same in a checkout of its own."""
        return Settings(self.profile, self.threads, self.allocator)


@dataclass(frozen=True)
class Dependencies:
    """Injected dependencies: commits, processes, the machine and the judge."""

    resolve: Callable[[str], Commit] = checkouts.resolve
    check_out: Callable[[Commit, Path, Path | None], None] = checkouts.check_out
    interpreters: Callable[..., tuple[dict[str, Path], str]] = interpreters
    known_cells: Callable[[str, Settings, Sequence[Cell]], Sequence[Cell]] = checkouts.known_cells
    count_instructions: Callable[[Mapping[str, Settings], Sequence[Cell], float], dict] = instructions.count_sides
    take_turns: Callable[[Sequence[tuple[Side, Sequence[Cell]]], int], None] = take_turns
    watch: Callable[..., Callable[[], None]] = Watch
    ask: Callable[[Path, Pace], Step] = judge.ask
    conclude: Callable[[Path, Path | None, Path | None], int] = judge.conclude
    log: Callable[[str], None] = print
    clock: Callable[[], float] = time.monotonic


def gate(request: Request, use: Dependencies | None = None) -> int:
    """Measures base against head and prints the verdict; the exit code.

    Raises:
        SweepError, ResultsError: it cannot be measured; what was measured before is kept.
    """
    use = use or Dependencies()
    end = use.clock() + 60 * request.minutes * (1 - ENDING)
    commits = {
        side: use.resolve(revision) for side, revision in zip(SIDES, (request.base, request.head), strict=True)
    }
    base, head = commits.values()
    if base == head:
        use.log(
            f"base and head are the same commit, {base.name}, so this measures the gate itself and no change; "
            "--base names another commit"
        )
    with sole_run(" against ".join(commit.name for commit in commits.values())), scratch_folder("gate") as scratch:
        folder = _folder(request, commits)
        if folder.plan["ended"]:
            use.log(f"measured already, in {folder.path}; --fresh measures again")
        else:
            _measure(_Sides(request, folder, commits, scratch, use), end)
        use.log(f"results: {folder.path}")
        return use.conclude(folder.path, request.markdown, request.json)


def _folder(request: Request, commits: Mapping[str, Commit]) -> Folder:
    base, head = commits.values()
    again = (
        f"python -m bench gate --base {base.name} --head {head.name} --profile {request.profile.name} "
        f"--threads {request.threads} --allocator {request.allocator}"
    )
    plan = {
        "cells": [cell.id for cell in request.cells],
        "absent": {side: [] for side in SIDES},
        "sentinel": SENTINEL,
        "again": f"{shlex.join([*again.split(), *request.slice])} --fresh",
        "commands": commands(request.cells, again),
        "detectable": calibration(request.calibrated),
    }
    conditions = request.settings.conditions | {"suite": identity.results_digest(ROOT, request.cells)}
    return Folder.open(request.results, base, head, conditions, plan, fresh=request.fresh)


class _Sides:
    """Both commits, checked out and made ready to be measured.

    Attributes:
        settings: side -> how it is measured, and where.
        known: side -> the cells that it has.
    """

    def __init__(
        self,
        request: Request,
        folder: Folder,
        commits: Mapping[str, Commit],
        scratch: Path,
        use: Dependencies,
    ) -> None:
        self.request, self.folder, self.commits, self.use = request, folder, commits, use
        self.settings = {side: replace(request.settings, root=scratch / side) for side in commits}
        for side, commit in commits.items():
            use.log(f"{side}: {commit.name} {commit.subject}")
        try:
            self.known = self._prepared(ROOT)
        except SweepError as error:
            remark = f"each commit was measured by its own suite, because {error}"
            use.log(remark)
            self.known = self._prepared(None)
            folder.note(remark)

    def _prepared(self, suite: Path | None) -> dict[str, set[Cell]]:
        """Checks both commits out, finds their interpreters and builds their kernels; the cells that each has."""
        request, use = self.request, self.use
        for side, commit in self.commits.items():
            shutil.rmtree(self.settings[side].root, ignore_errors=True)
            use.check_out(commit, self.settings[side].root, suite)
        folders = {side: setting.root for side, setting in self.settings.items()}
        pythons, remark = use.interpreters(request.environments, self.commits, folders, use.log)
        if remark:
            self.folder.note(remark)
        for side, python in pythons.items():
            self.settings[side] = replace(self.settings[side], python=python)
        cells = list(dict.fromkeys([*sentinels(request.cells), *request.cells, *instructions.CELLS]))
        return {
            side: set(use.known_cells(f"{side} {commit.name}", self.settings[side], cells))
            for side, commit in self.commits.items()
        }

    def in_both(self, cells: Sequence[Cell]) -> list[Cell]:
        """Those that base and head have, each once."""
        return [cell for cell in dict.fromkeys(cells) if all(cell in known for known in self.known.values())]

    def measure(self, stage: str, number: int, names: Sequence[str]) -> int:
        """One pass over the cells of these ids and their sentinels; how many that are."""
        request = self.request
        chosen = [cell for cell in request.cells if cell.id in names]
        wanted = {*chosen, *sentinels(chosen)}
        cells = [cell for cell in self.in_both([*sentinels(request.cells), *request.cells]) if cell in wanted]
        self.use.take_turns([(self._side(side, stage), cells) for side in SIDES], number)
        return len(cells)

    def _side(self, name: str, stage: str) -> Side:
        return Side(
            self.settings[name],
            self.folder.run_file(stage, name),
            name,
            self.commits[name].as_commit_info("(gate)"),
        )


def _measure(sides: _Sides, end: float) -> None:
    """Counts instructions, then measures until `end` on the clock."""
    request, folder, use = sides.request, sides.folder, sides.use
    folder.plan["absent"] = {
        side: [cell.id for cell in request.cells if cell not in known] for side, known in sides.known.items()
    }
    folder.save()
    judged = sides.in_both(request.cells)
    if not judged:
        raise SweepError("base and head have none of these cells in common, so there is nothing to measure")
    counted = sides.in_both(instructions.chosen(request.cells))
    if counted and folder.plan["instructions"] is None:
        limit = min(end - use.clock(), 60 * request.minutes * COUNTING)
        use.log(
            f"counting instructions of {len(counted)} cells on both sides, which takes {instructions.USUAL} and "
            f"is given up after {duration(max(limit, 0.0))}"
        )
        folder.plan["instructions"] = use.count_instructions(sides.settings, counted, limit)
        folder.save()
    troubles = Troubles(gpu=any(cell.device == "cuda" for cell in judged))
    watch = use.watch(request.wait, use.log, folder.note, troubles=troubles)
    actions = stages.Dependencies(sides.measure, lambda pace: use.ask(folder.path, pace), watch, use.log)
    left = end - use.clock()
    use.log(f"{max(left, 0.0) / 60:.1f} of {request.minutes:g} minutes are left to measure in")
    stages.screen_and_confirm(folder, [cell.id for cell in judged], left, actions)
