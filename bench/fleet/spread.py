"""The owner's side of the engine: what it is told to measure, and what becomes of what it brings back.

Complete blocks are files, so the same command goes on from them, whoever was killed. What comes from a machine is
text: it is read as any block's file is before it gets its place, and a block that is there is left as it is.
"""

import importlib.util
import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from typing import Any

from analysis.command_line import FAILED
from analysis.vocabulary import counted, duration
from bench.errors import SweepError
from bench.fleet import attempts, packing
from bench.fleet.blocks import Block
from bench.fleet.plan import Plan
from bench.fleet.session import GROUP_SECONDS, groups_of
from bench.paths import ROOT
from bench.processes.children import child, last_line
from bench.run_file import write_atomically

COMMAND = (sys.executable, "-m", "bench")
ENGINE = ROOT / ".fleet" / "bin" / "python"
PARTS = 3  # a machine gets at least so many parts, if there are enough blocks, so that fast ones do more
NAME = r"[A-Za-z0-9_.-]{1,200}"
PLACE = re.compile(rf"(blocks/{NAME}|attempts/{NAME}/{NAME}|sessions)/[a-z0-9]{{1,40}}\.json")
LOST_AFTER = 300.0


@dataclass
class Spread:
    """A sweep that an engine measures.

    Attributes:
        plan, folder: of the sweep, and where its blocks lie.
        complete: names of the blocks that are there.
        failed: block -> why it is not tried again.
    """

    plan: Plan
    folder: Path
    say: Callable[[str], None]
    complete: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        damaged: list[str] = []
        self.complete |= {one.block for one in attempts.complete_ones(self.folder, self.plan, damaged)}
        for problem in damaged:
            self.say(problem)
        self._machines: dict[str, str] = {}  # name of a worker -> instance
        self._spent = self._foreseen = 0.0

    def pending(self) -> list[Block]:
        """What is not complete, the largest first."""
        return packing.largest_first([block for block in self.plan.blocks if block.name not in self.complete])

    def measure(self, on: Mapping[str, object], machines: int, **how: object) -> int:
        """Has all that is pending measured; the exit code.

        Args:
            on: how the engine gets machines, see `bench.fleet.engine.driver`.
            machines: how many, by which the blocks are cut into parts.
            how: "tls" and "require" of the order.

        Raises:
            SweepError: the engine does not start, or ended before its time.
            ResultsError: a block cannot be stored.
        """
        pending = self.pending()
        if len(pending) < len(self.plan.blocks):
            done = len(self.plan.blocks) - len(pending)
            self.say(f"{done} of {counted(len(self.plan.blocks), 'block')} complete already, in {self.folder}")
        if pending:
            self.plan.write(self.folder, attempts.new_id())
            order = {
                "on": on,
                "plan": self.plan.id,
                "command": COMMAND,
                "options": self.plan.options,
                "parts": parts_of(pending, machines),
                "lost_after": LOST_AFTER,
                **how,
            }
            self._drive(order)
        return self._sum_up()

    def _drive(self, order: Mapping[str, object]) -> None:
        command = [str(engine()), "-m", "bench.fleet.engine.driver"]
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            with child(command, ROOT, environ, stderr=log, **pipes) as process:
                process.stdin.write(json.dumps(order) + "\n")
                process.stdin.flush()
                for line in process.stdout:
                    self._take(json.loads(line))
                code = process.wait()
            log.seek(0)
            if code:
                said = last_line(log.read(), otherwise=_death(code)).removeprefix("error: ")
                raise SweepError(f"the engine ended: {said}; {self._kept()}")

    def _take(self, event: Mapping[str, Any]) -> None:
        kind, name = event["event"], event.get("name")
        if kind == "machine":
            machine = event["machine"]
            self._machines[name] = machine["instance"]
            gpu = f", {machine['gpu']}" if machine["gpu"] else ""
            self.say(
                f"{name}: {machine['node']}, {machine['processor']}, {counted(machine['cores'], 'core')}{gpu}"
            )
        elif kind == "lost":
            self._machines.pop(name, None)
            self.say(f"{name} is lost; what it measured is given to another")
        elif kind == "refused":
            self._machines.pop(name, None)
            self.say(f"{name} is not used: {event['why']}")
        elif kind == "failed":
            self.failed |= dict.fromkeys(event["blocks"], event["why"])
        else:
            self._store(event)

    def _store(self, event: Mapping[str, Any]) -> None:
        """Files of a command; a complete block's is read before it gets its place."""
        with tempfile.TemporaryDirectory(prefix="urnn-") as folder:
            for place, text in event["files"].items():
                if PLACE.fullmatch(place) and ".." not in place:
                    path = Path(folder, place)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text)
            problems: list[str] = []
            try:
                found = attempts.complete_ones(Path(folder), self.plan, problems)
            except attempts.ForeignError:
                raise SweepError(
                    f"{event['machine']} brought blocks of another sweep: code has changed there since this one "
                    f"began; {self._kept()}"
                ) from None
            new = [one for one in found if one.block not in self.complete]
            others = [path for part in ("attempts", "sessions") for path in Path(folder, part).rglob("*.json")]
            for path in [one.path for one in new] + others:
                write_atomically(self.folder / path.relative_to(folder), path.read_text())
        for problem in problems:
            self.say(f"{event['machine']}: {problem}")
        self.complete |= {one.block for one in new}
        blocks = {block.name: block for block in self.plan.blocks}
        self._spent += event["seconds"]
        self._foreseen += packing.seconds([blocks[one.block] for one in new])
        if event["code"]:
            self.say(f"{event['machine']}: {event['said'].removeprefix('error: ')}")
        if new:
            count = f"{len(self.complete)} of {counted(len(blocks), 'block')} complete"
            self.say(f"{count}, {counted(len(set(self._machines.values())), 'machine')}{self._left()}")

    def _left(self) -> str:
        """The time left: the estimate, corrected by what commands took, over machines that do not share a lock."""
        pending = packing.seconds(self.pending())
        if not pending or not self._foreseen:
            return ""
        seconds = pending * self._spent / self._foreseen / max(1, len(set(self._machines.values())))
        return f", {duration(seconds)} left"

    def _kept(self) -> str:
        return (
            f"{len(self.complete)} of {counted(len(self.plan.blocks), 'block')} complete in {self.folder}, "
            "and the same command measures the others"
        )

    def _sum_up(self) -> int:
        for name, why in self.failed.items():
            self.say(f"{name} is not measured: {why}")
        if len(self.complete) < len(self.plan.blocks):
            self.say(self._kept())
            return FAILED
        self.say(f"all {counted(len(self.plan.blocks), 'block')} complete; python -m bench merge {self.folder}")
        return 0


def parts_of(blocks: Sequence[Block], machines: int) -> list[list[str]]:
    """Names of blocks in parts that one command each measures, the longest first.

    A command has controls to measure and processes to start. So small blocks share one, of minutes where there is
    enough for all machines, and of an equal share of a few where there is not.
    """
    share = packing.seconds(blocks) / (PARTS * machines)
    parts = list(groups_of(blocks, min(GROUP_SECONDS, share)))
    parts.sort(key=packing.seconds, reverse=True)
    return [[block.name for block in part] for part in parts]


def engine() -> Path:
    """The interpreter that has Dask: of the environment that make makes for it, or this one.

    Raises:
        SweepError: neither has it.
    """
    if ENGINE.exists():
        return ENGINE
    if importlib.util.find_spec("distributed"):
        return Path(sys.executable)
    raise SweepError(
        "the engine is Dask, in an environment of its own that is missing here; `make .fleet/ready` makes it"
    )


def _death(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
