"""Attempts to measure a block, as files: one is complete or it is not.

While a block is measured its figures are in a folder `attempts/BLOCK/ATTEMPT`, stored as they come, as in a plain
run. When the last one is there they become one file, `blocks/BLOCK/ATTEMPT.json`, by a rename, and only such files
are ever merged. An attempt that ended before stays where it is; whoever measures the block next, on whatever
machine, starts it afresh.

Ids are ours and random: job ids of a scheduler come again after a restart. Any number of machines may write into
one folder.
"""

import json
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.documents import COUNT, TEXT, MapOf, Maybe, Record, real
from analysis.vocabulary import NOT_PLANNED, SHARDS_FORMAT
from bench import run_file
from bench.errors import ResultsError
from bench.fleet.blocks import Block
from bench.fleet.plan import Plan
from bench.machine.kind import Machine
from bench.reading import read_format
from bench.run_file import RunFile, write_atomically

ATTEMPTS, BLOCKS, SESSIONS = "attempts", "blocks", "sessions"
KEPT_BY_DEFAULT = "default"  # the run of the cells that are measured under the default allocator too
MAIN = "main"
ADVICE = "the block counts as not measured"
TIME = real(0.0, 1e11)  # seconds since 1970
MACHINE = Record(dict.fromkeys(("kind", "instance", "node"), TEXT))
SHAPE = Record(
    {
        "format": COUNT,
        **dict.fromkeys(("plan", "block", "attempt", "session"), TEXT),
        "machine": MACHINE,
        **dict.fromkeys(("begin", "end"), TIME),
        "runs": MapOf(run_file.SHAPE),
    },
    {"shard": Maybe(TEXT)},
)


def new_id() -> str:
    """Twelve random hex digits."""
    return uuid.uuid4().hex[:12]


def of_machine(machine: Machine) -> dict[str, str]:
    """What a file says of the machine that wrote it."""
    return {"kind": machine.kind, "instance": machine.instance, "node": machine.node}


@dataclass(frozen=True)
class Attempt:
    """A complete one.

    Attributes:
        path: its file.
        session: the id of the command that measured it.
        machine: "kind", "instance" and "node".
        begin, end: seconds since 1970.
        runs: what results files hold: "main", and "default" for the cells that have a second run.
    """

    path: Path
    block: str
    id: str
    session: str
    machine: Mapping[str, str]
    begin: float
    end: float
    runs: Mapping[str, dict]


class OpenAttempt:
    """One that is being measured.

    Attributes:
        block: what is measured.
        main, default: files of figures; the latter of the cells that are measured under the default allocator too.
    """

    def __init__(self, folder: Path, block: Block, conditions: Mapping[str, Mapping[str, object]]) -> None:
        self.id, self.block, self._folder = new_id(), block, folder
        self._partial = folder / ATTEMPTS / block.name / self.id
        self.main, self.default = (
            RunFile.at(self._partial / f"{name}.json", conditions[name]) for name in (MAIN, KEPT_BY_DEFAULT)
        )

    def complete(self, plan: Plan, session: Mapping[str, object], begin: float, end: float) -> None:
        """Makes it one file, after which it is complete; what it was collected in is removed.

        Raises:
            ResultsError: the file cannot be written.
        """
        runs = {MAIN: self.main.content} | ({KEPT_BY_DEFAULT: self.default.content} if self.block.default else {})
        content = {
            "format": SHARDS_FORMAT,
            "plan": plan.id,
            "block": self.block.name,
            "attempt": self.id,
            **{name: session[name] for name in ("session", "shard", "machine")},
            "begin": begin,
            "end": end,
            "runs": runs,
        }
        write_atomically(self._folder / BLOCKS / self.block.name / f"{self.id}.json", json.dumps(content))
        shutil.rmtree(self._partial, ignore_errors=True)


def read(path: Path, plan: Plan) -> Attempt:
    """The complete attempt in a file.

    Raises:
        ForeignError: it is of another plan.
        ResultsError: it is damaged, or its figures are not those of its block.
    """
    content = read_format(path, SHAPE, SHARDS_FORMAT, ADVICE)
    if content["plan"] != plan.id:
        raise ForeignError(f"{path} is of plan {content['plan']}, and lies among shards of plan {plan.id}")
    planned = {block.name: block for block in plan.blocks}
    name, runs = content["block"], content["runs"]
    if name not in planned or path.parent.name != name or path.stem != content["attempt"]:
        raise ForeignError(f"{path} says that it is {name}/{content['attempt']}, which belongs elsewhere")
    block = planned[name]
    wanted = {MAIN: Counter((cell.id, n) for cell in block.cells for n in range(1, plan.passes + 1))}
    if block.default:
        wanted[KEPT_BY_DEFAULT] = Counter((cell.id, 1) for cell in block.default)
    found = {which: Counter(_figures(run)) for which, run in runs.items()}
    if found != wanted:
        raise ResultsError(f"{path} does not hold each of its block's cells once in each pass; {ADVICE}.")
    parts = (content[key] for key in ("attempt", "session", "machine", "begin", "end"))
    return Attempt(path, name, *parts, runs)


class ForeignError(ResultsError):
    """A block's file that belongs to another sweep."""


def _figures(run: Mapping[str, list]) -> Iterator[tuple[str, int]]:
    """(cell id, pass) of every figure and of every reason for having none."""
    for entry in run["benchmarks"]:
        yield entry["params"]["cell_id"], entry["extra_info"]["pass"]
    for entry in run["run"]["outcomes"]:
        if entry["outcome"] != NOT_PLANNED:
            yield entry["cell"], entry["pass"]


def complete_ones(folder: Path, plan: Plan, problems: list[str]) -> list[Attempt]:
    """All complete attempts in a sweep's folder, in the order of their names.

    A damaged file is left out, with a sentence in `problems`.

    Raises:
        ForeignError: a file is of another plan.
    """
    found = []
    for path in sorted((folder / BLOCKS).glob("*/*.json")):
        if path.name.startswith("."):
            continue
        try:
            found.append(read(path, plan))
        except ForeignError:
            raise
        except ResultsError as error:
            problems.append(str(error))
    return found
