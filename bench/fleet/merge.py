"""Folders of shards -> results files, as one machine of each kind would have left them.

A block comes from one complete attempt. Where several machines have measured it, the one is taken whose kind, and
then whose instance, has most of the blocks, so that curves cross as few machines as they can. The figures of a
kind become a file for each device and allocator, in the order of the plan. Merging the same shards again writes
the same bytes.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from analysis import controls as judged
from analysis.controls import Control, Verdict
from analysis.documents import COUNT, SECONDS, TEXT, ListOf, Maybe, Record
from analysis.vocabulary import (
    MEASURED,
    NOT_PLANNED,
    RUN_FORMAT,
    SHARDS_FORMAT,
    SWEEP_PLAN,
    Cell,
    counted,
    joined,
)
from bench import conditions
from bench.errors import ResultsError
from bench.fleet import attempts, plan
from bench.fleet.attempts import KEPT_BY_DEFAULT, MAIN, SESSIONS, Attempt
from bench.fleet.plan import UNVERSIONED, Plan
from bench.reading import read_format
from bench.run_file import sole_writer, write_atomically

INTO = "--into"  # the option that names the folder of results
NO_CONTROLS = "its controls are left out"
CONTROL = Record(
    {"at": TEXT, "cell": TEXT, "outcome": TEXT, "message": TEXT, "seconds": ListOf(SECONDS)},
)
SESSION = Record(
    {
        "format": COUNT,
        **dict.fromkeys(("plan", "session"), TEXT),
        "machine": attempts.MACHINE,
        "controls": ListOf(CONTROL),
    },
    {"shard": Maybe(TEXT)},
)


@dataclass(frozen=True)
class Merged:
    """What became of a merge.

    Attributes:
        plan: of the sweep.
        files: the results that were written.
        missing: names of blocks without a complete attempt, in the plan's order.
        verdicts: what the controls say.
        remarks: on files that were left out, and on what a reader has to know.
    """

    plan: Plan
    files: list[Path] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def merge(folders: Sequence[Path], into: Path, tolerance: float = judged.TOLERANCE) -> Merged:
    """Merges all shards below the folders into `into`.

    Raises:
        ResultsError: there are none; or they are of different plans or commits; or `into` cannot be written.
    """
    found = {path: plan.read(path) for path in _plans(folders)}
    whole = _only_plan(found)
    merged = Merged(whole)
    places = sorted({path.parent for path in found})
    every = [one for place in places for one in attempts.complete_ones(place, whole, merged.remarks)]
    for one in every:
        _require_commit(one, whole)
    chosen = choose({one.id: one for one in every}.values(), whole)
    merged.missing.extend(block.name for block in whole.blocks if block.name not in chosen)
    sessions = [one for place in places for one in _sessions(place, whole, merged.remarks)]
    merged.verdicts.extend(judged.verdicts(_controls(sessions, chosen), tolerance))
    with sole_writer(into, INTO):
        for part in _parts(whole, chosen):
            content = _content(whole, part, sessions, tolerance, merged.missing)
            path = into / f"kind-{part.kind}" / part.name
            write_atomically(path, json.dumps(content), option=INTO)
            merged.files.append(path)
    merged.remarks.extend(_of_kinds(whole, chosen))
    return merged


def _plans(folders: Sequence[Path]) -> list[Path]:
    """The plans of all sweeps below the folders, each once."""
    found: dict[Path, None] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ResultsError(f"expected a folder with shards, got {folder}, which is none")
        here = sorted(folder.rglob(SWEEP_PLAN))
        if not here:
            raise ResultsError(
                f"{folder} has no shards; `python -m bench run --shard K/N --results {folder}` measures one"
            )
        found |= dict.fromkeys(path.resolve() for path in here)
    return list(found)


def _only_plan(found: Mapping[Path, Plan]) -> Plan:
    """The plan that all of them are.

    Raises:
        ResultsError: they differ; the message says in what, and where.
    """
    first, *others = found.items()
    for path, other in others:
        if other.id == first[1].id:
            continue
        where = f"{first[0].parent} and {path.parent}"
        codes = (first[1].code, other.code)
        if codes[0] != codes[1]:
            named = [code.name for code in codes]
            words = " and ".join(named) if named[0] != named[1] else f"{named[0]}, with other code in each"
            raise ResultsError(
                f"expected shards of one commit, got those of {words} in {where}; name the folders of one"
            )
        what = _difference(first[1], other)
        raise ResultsError(f"expected shards of one plan, got two that differ in {what}: {where}; name one")
    return first[1]


def _difference(one: Plan, other: Plan) -> str:
    names = [
        name
        for name in ("profile", "passes", "threads", "allocator")
        if getattr(one, name) != getattr(other, name)
    ]
    parts = [f"{name} ({getattr(one, name)} and {getattr(other, name)})" for name in names]
    return joined(parts) if parts else f"their cells ({len(one.blocks)} and {len(other.blocks)} blocks)"


def _require_commit(attempt: Attempt, whole: Plan) -> None:
    """Raises ResultsError where the process that measured found another commit than the plan has."""
    for run in attempt.runs.values():
        found = (run.get("commit_info") or {}).get("id")
        if found not in (None, UNVERSIONED, whole.code.commit) and whole.code.commit != UNVERSIONED:
            raise ResultsError(
                f"{attempt.path} was measured at commit {str(found)[:8]}, and its plan is of "
                f"{whole.code.commit[:8]}; remove it, and measure the block again"
            )


def choose(every: Iterable[Attempt], whole: Plan) -> dict[str, Attempt]:
    """Block -> the attempt that stands for it, in the plan's order; a block without one is left out."""
    every = list(every)
    kinds = Counter({kind: len(names) for kind, names in _blocks_by(every, "kind").items()})
    instances = Counter({name: len(names) for name, names in _blocks_by(every, "instance").items()})

    def rank(one: Attempt) -> tuple:
        kind, instance = one.machine["kind"], one.machine["instance"]
        return (-kinds[kind], kind, -instances[instance], instance, one.end, one.id)

    best: dict[str, Attempt] = {}
    for one in sorted(every, key=rank):
        best.setdefault(one.block, one)
    return {block.name: best[block.name] for block in whole.blocks if block.name in best}


def _blocks_by(every: Iterable[Attempt], what: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in every:
        found.setdefault(one.machine[what], set()).add(one.block)
    return found


@dataclass(frozen=True)
class _Part:
    """What becomes one results file."""

    kind: str
    device: str
    allocator: str
    which: str
    attempts: tuple[Attempt, ...]
    name: str


def _parts(whole: Plan, chosen: Mapping[str, Attempt]) -> list[_Part]:
    devices = {block.name: block.device for block in whole.blocks}
    found = []
    for kind in dict.fromkeys(one.machine["kind"] for one in chosen.values()):
        for device in dict.fromkeys(devices.values()):
            for which, allocator in ((MAIN, whole.allocator), (KEPT_BY_DEFAULT, "default")):
                mine = [
                    one
                    for name, one in chosen.items()
                    if devices[name] == device and one.machine["kind"] == kind and which in one.runs
                ]
                name = f"{whole.id}_{device}_{whole.profile}_{whole.threads}t_{allocator}.json"
                if mine:
                    found.append(_Part(kind, device, allocator, which, tuple(mine), name))
    return found


def _content(
    whole: Plan, part: _Part, sessions: Sequence[dict], tolerance: float, missing: Sequence[str]
) -> dict[str, object]:
    """A results file of one kind, device and allocator; figures in the order of the plan, pass by pass."""
    runs = [(one, one.runs[part.which]) for one in part.attempts]
    first = runs[0][1]
    nodes = list(dict.fromkeys(one.machine["node"] for one in part.attempts))
    instances = list(dict.fromkeys(one.machine["instance"] for one in part.attempts))
    figures, outcomes = _in_order(whole, runs)
    if part.which == MAIN:
        outcomes += _never_planned(whole, part)
    checks = {
        json.dumps(check, sort_keys=True): check for _, run in runs for check in run["run"].get("checks", ())
    }
    machine = first["machine_info"] | {
        "node": nodes[0] if len(nodes) == 1 else counted(len(nodes), "machine"),
        "kind": part.kind,
        "instance": instances[0] if len(instances) == 1 else None,
    }
    return {
        **{key: value for key, value in first.items() if key not in ("run", "benchmarks", "machine_info")},
        "machine_info": machine,
        "benchmarks": figures,
        "datetime": min(run["datetime"] for _, run in runs),
        "run": {
            "format": RUN_FORMAT,
            **conditions.of_run(whole.profile, whole.threads, part.allocator),
            "outcomes": outcomes,
            **({"checks": list(checks.values())} if checks else {}),
            "merged": {
                "format": SHARDS_FORMAT,
                "plan": whole.id,
                "tolerance": tolerance,
                "missing": list(missing),
                "controls": _held(part, sessions) if part.which == MAIN else [],
            },
        },
    }


def _in_order(whole: Plan, runs: Sequence[tuple[Attempt, dict]]) -> tuple[list[dict], list[dict]]:
    """Figures and outcomes pass by pass, in the order of the plan; every other pass goes through it backwards."""
    order = {cell.id: place for place, cell in enumerate(cell for block in whole.blocks for cell in block.cells)}

    def place(cell_id: str, number: int) -> tuple[int, int]:
        return number, order[cell_id] if number % 2 else -order[cell_id]

    figures = [
        entry | {"extra_info": entry["extra_info"] | _where(one)}
        for one, run in runs
        for entry in run["benchmarks"]
    ]
    outcomes = [
        entry | _where(one)
        for one, run in runs
        for entry in run["run"]["outcomes"]
        if entry["outcome"] != NOT_PLANNED
    ]
    figures.sort(key=lambda entry: place(entry["params"]["cell_id"], entry["extra_info"]["pass"]))
    outcomes.sort(key=lambda entry: place(entry["cell"], entry["pass"]))
    return figures, outcomes


def _never_planned(whole: Plan, part: _Part) -> list[dict]:
    how = conditions.of_pass(1, whole.threads, part.allocator)
    return [
        {name: value for name, value in one.items() if name != "why"}
        | how
        | {"outcome": NOT_PLANNED, "message": one["why"]}
        for one in whole.not_planned
        if one["device"] == part.device
    ]


def _held(part: _Part, sessions: Sequence[dict]) -> list[dict]:
    """What the controls of the sessions that are used measured on the part's device."""
    used = {one.session for one in part.attempts}
    return [
        {"session": one["session"], **one["machine"], **control}
        for one in sessions
        if one["session"] in used
        for control in one["controls"]
        if Cell.from_id(control["cell"]).device == part.device
    ]


def _where(one: Attempt) -> dict[str, str]:
    """What each figure says of where it was measured."""
    return {"machine": one.machine["node"], "instance": one.machine["instance"], "session": one.session}


def _sessions(folder: Path, whole: Plan, remarks: list[str]) -> list[dict]:
    """The sessions that measured there, in the order of their names; a damaged one is left out with a remark."""
    found = []
    for path in sorted((folder / SESSIONS).glob("*.json")):
        if path.name.startswith("."):
            continue
        try:
            content = read_format(path, SESSION, SHARDS_FORMAT, NO_CONTROLS)
            for control in content["controls"]:
                Cell.from_id(control["cell"])
        except ResultsError as error:
            remarks.append(str(error))
            continue
        except ValueError as error:
            remarks.append(f"{path}: {error}; {NO_CONTROLS}.")
            continue
        if content["plan"] == whole.id:
            found.append(content)
    return found


def _controls(sessions: Sequence[dict], chosen: Mapping[str, Attempt]) -> list[Control]:
    """Those of the sessions whose blocks were taken."""
    used = {one.session for one in chosen.values()}
    return [
        Control(
            f"kind {one['machine']['kind']}, {Cell.from_id(control['cell']).device}",
            f"{one['machine']['node']} ({one['machine']['instance']})",
            one["session"],
            control["at"],
            control["cell"],
            median(control["seconds"]),
        )
        for one in {one["session"]: one for one in sessions}.values()
        if one["session"] in used
        for control in one["controls"]
        if control["outcome"] == MEASURED and control["seconds"]
    ]


def _of_kinds(whole: Plan, chosen: Mapping[str, Attempt]) -> list[str]:
    """A sentence where the blocks of a device are of several kinds, which stand apart in a report."""
    found = []
    for device in dict.fromkeys(block.device for block in whole.blocks):
        names = [block.name for block in whole.blocks if block.device == device]
        kinds = Counter(chosen[name].machine["kind"] for name in names if name in chosen)
        if len(kinds) > 1:
            shares = joined([f"{kind} has {counted(number, 'block')}" for kind, number in kinds.most_common()])
            found.append(
                f"The blocks of {device} were measured on {len(kinds)} kinds of machines, which have curves of "
                f"their own: {shares}."
            )
    return found
