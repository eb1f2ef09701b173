"""`python -m bench gate`: the pieces of this package put together.

Known weakness: what is measured is the product of two commits; changes that are not committed are not seen, except
those to the suite, which measures both.
"""

import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.vocabulary import GATES, SENTINEL
from bench import identity
from bench.commits.checkouts import Commit, check_out, known_cells, resolve
from bench.commits.environments import interpreters
from bench.errors import SweepError
from bench.gate import instructions, judge
from bench.gate.folder import Folder, commands
from bench.gate.stages import Hands, conduct
from bench.grid import Cell, Profile
from bench.lane.settings import Settings
from bench.lane.turns import Side, measure_round
from bench.machine.lock import sole_run
from bench.machine.throttling import Troubles
from bench.machine.watch import Watch
from bench.paths import ROOT
from bench.processes.scratch import scratch_folder

RESULTS = ROOT / GATES


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        base, head: what git takes for a commit.
        cells, profile: what is measured, and how long each time.
        minutes: the time to measure in, builds apart.
        environments: one of `environments.KINDS`: whose packages measure.
        wait: seconds to wait for a quiet machine, in all.
        slice: the options that chose the cells, to name the same ones again.
        outputs: options of `python -m analysis gate`, for files to write.
    """

    base: str
    head: str
    cells: Sequence[Cell]
    profile: Profile
    threads: int = 1
    allocator: str = "kept"
    environments: str = "auto"
    minutes: float = 10.0
    wait: float = 60.0
    results: Path = RESULTS
    fresh: bool = False
    slice: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


def gate(request: Request, told: Callable[[str], None] = print) -> int:
    """Measures base against head and prints the verdict; the exit code.

    Raises:
        SweepError, ResultsError: it cannot be measured; what was measured before is kept.
    """
    base, head = resolve(request.base), resolve(request.head)
    with sole_run(f"{base.name} against {head.name}"), scratch_folder("gate") as scratch:
        folder = _folder(request, base, head)
        if folder.plan["ended"]:
            told(f"measured already, in {folder.path}; --fresh measures again")
        else:
            _measure(request, folder, {"base": base, "head": head}, scratch, told)
        told(f"results: {folder.path}")
        return judge.final(folder.path, request.outputs)


def sentinels(cells: Sequence[Cell]) -> list[Cell]:
    """The sentinel of each cell, each once; a cell with several layers has none."""
    return list(dict.fromkeys(cell.of(SENTINEL) for cell in cells if cell.num_layers == 1))


def _folder(request: Request, base: Commit, head: Commit) -> Folder:
    conditions = {
        "profile": request.profile.name,
        "threads": request.threads,
        "allocator": request.allocator,
        "suite": identity.source_digest(ROOT, request.cells),
    }
    again = (
        f"python -m bench gate --base {base.name} --head {head.name} --profile {request.profile.name} "
        f"--threads {request.threads} --allocator {request.allocator}"
    )
    plan = {
        "cells": [cell.id for cell in request.cells],
        "absent": {"base": [], "head": []},
        "sentinel": SENTINEL,
        "again": f"{shlex.join([*again.split(), *request.slice])} --fresh",
        "commands": commands(request.cells, again),
    }
    return Folder.open(request.results, base, head, conditions, plan, fresh=request.fresh)


def _measure(
    request: Request, folder: Folder, commits: dict[str, Commit], scratch: Path, told: Callable[[str], None]
) -> None:
    every = list(dict.fromkeys([*sentinels(request.cells), *request.cells, *instructions.CELLS]))
    settings = {
        side: Settings(request.profile, request.threads, request.allocator, scratch / side) for side in commits
    }
    for side, commit in commits.items():
        told(f"{side}: {commit.name} {commit.subject}")
    known = _prepare(request, commits, settings, every, folder, told)
    folder.plan["absent"] = {
        side: [cell.id for cell in request.cells if cell not in known[side]] for side in commits
    }
    folder.save()
    timed = dict.fromkeys([*sentinels(request.cells), *request.cells])
    shared = [cell for cell in timed if cell in known["base"] & known["head"]]
    judged = [cell for cell in request.cells if cell in shared]
    if not judged:
        raise SweepError("base and head have none of these cells in common, so there is nothing to measure")

    counted = [cell for cell in instructions.chosen(request.cells) if cell in known["base"] & known["head"]]
    if counted and folder.plan["instructions"] is None:
        told(f"counting instructions of {len(counted)} cells on both sides")
        folder.plan["instructions"] = instructions.count_sides(settings, counted)
        folder.save()

    def measure(stage: str, number: int, names: Sequence[str]) -> None:
        chosen = [cell for cell in shared if cell.id in names]
        guards = sentinels(chosen)
        base, head = (
            Side(side, settings[side], _commit_info(commits[side]), folder.run_file(stage, side))
            for side in ("base", "head")
        )
        measure_round(base, head, [cell for cell in shared if cell in chosen or cell in guards], number)

    troubles = Troubles(gpu=any(cell.device == "cuda" for cell in judged))
    watch = Watch(request.wait, told, folder.note, troubles=troubles)
    hands = Hands(measure, lambda pace: judge.ask(folder.path, pace), watch, told)
    conduct(folder, [cell.id for cell in judged], 60 * request.minutes, hands)


def _prepare(
    request: Request,
    commits: Mapping[str, Commit],
    settings: dict[str, Settings],
    cells: Sequence[Cell],
    folder: Folder,
    told: Callable[[str], None],
) -> dict[str, set[Cell]]:
    """Checks both commits out, finds their interpreters and builds their kernels; the cells that each knows."""

    def prepared(suite: Path | None) -> dict[str, set[Cell]]:
        for side, commit in commits.items():
            shutil.rmtree(settings[side].root, ignore_errors=True)
            check_out(commit, settings[side].root, suite)
        folders = {side: setting.root for side, setting in settings.items()}
        pythons, remark = interpreters(request.environments, commits, folders, told)
        if remark:
            folder.note(remark)
        for side, python in pythons.items():
            settings[side] = replace(settings[side], python=python)
        return {
            side: set(known_cells(f"{side} {commit.name}", settings[side], cells))
            for side, commit in commits.items()
        }

    try:
        return prepared(ROOT)
    except SweepError as error:
        remark = f"each commit was measured by its own suite, because {error}"
        told(remark)
        known = prepared(None)
        folder.note(remark)
        return known


def _commit_info(commit: Commit) -> dict[str, object]:
    """As pytest-benchmark describes a commit; a checkout without uncommitted changes."""
    return {"id": commit.digits, "time": commit.time, "dirty": False, "branch": "(gate)", "project": "urnn"}
