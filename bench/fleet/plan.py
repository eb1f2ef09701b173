"""What a sweep in shards is to measure, the same on every machine that is given the same command.

It is data: whoever merges needs neither the devices nor the profile. Its id is made of everything that figures
depend on but the machine: blocks, passes, conditions, commit, and the code as it lies there.
"""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis import vocabulary
from analysis.documents import COUNT, FEW, FLAG, SECONDS, TEXT, ListOf, MapOf, Maybe, Record
from analysis.vocabulary import SHARDS, SHARDS_FORMAT, SWEEP_PLAN
from bench import git, identity
from bench.errors import ResultsError
from bench.fleet.blocks import Block, blocks_of
from bench.grid import Cell, Profile
from bench.lane.settings import Settings
from bench.paths import ROOT
from bench.prepare import describe
from bench.reading import read_format
from bench.run_file import write_atomically

ADVICE = "move the folder away, and measure its shards again"
CELLS = ListOf(TEXT)
SHAPE = Record(
    {
        "format": COUNT,
        "plan": Record(
            {
                **dict.fromkeys(("profile", "allocator"), TEXT),
                **dict.fromkeys(("passes", "threads"), FEW),
                "blocks": MapOf(Record({"cells": CELLS, "default": CELLS})),
                "not_planned": ListOf(Record({"cell": TEXT, "why": TEXT})),
            }
        ),
        "code": Record({"commit": TEXT, "dirty": Maybe(FLAG), "source": TEXT}),
        "seconds": MapOf(SECONDS),
        "command": TEXT,
    }
)
UNVERSIONED = "unversioned"
RUN = ("python", "-m", "bench", "run")


@dataclass(frozen=True)
class Code:
    """What measures and is measured.

    Attributes:
        commit: all its digits, or "unversioned" outside a checkout.
        dirty: whether there were uncommitted changes; None outside a checkout.
        source: `bench.identity.source_digest`.
    """

    commit: str
    dirty: bool | None
    source: str

    @property
    def name(self) -> str:
        """For people: eight digits, and a word on uncommitted changes."""
        short = self.commit if self.commit == UNVERSIONED else self.commit[:8]
        return f"{short} with uncommitted changes" if self.dirty else short


@dataclass(frozen=True)
class Plan:
    """A sweep's blocks and how they are measured.

    Attributes:
        profile: its name.
        passes, threads, allocator: as `python -m bench run` takes them.
        blocks: in the order of the profile.
        not_planned: cells that the profile leaves out, described, each with "cell" and "why".
        code: the commit, and the code as it lies there.
        command: plans the same again; an option --shard or --block follows.
    """

    profile: str
    passes: int
    threads: int
    allocator: str
    blocks: tuple[Block, ...]
    not_planned: tuple[Mapping[str, object], ...]
    code: Code
    command: str

    @property
    def id(self) -> str:
        """Eight hex digits of everything but the estimates and the command's text."""
        content = self.document()
        parts = json.dumps([content["plan"], content["code"]], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()[:8]

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.profile}-{self.code.commit[:8]}-{self.id}"

    def folder(self, results: Path) -> Path:
        """Where its blocks lie below a folder of results."""
        return results / SHARDS / self.name

    def block(self, name: str) -> Block:
        """The block of that name.

        Raises:
            ValueError: there is none.
        """
        for block in self.blocks:
            if block.name == name:
                return block
        raise ValueError(
            f"expected a block of this plan such as {self.blocks[0].name}, got {name!r}; the same command with "
            "`list` for `run` and --shard 1/1 shows them all"
        )

    @property
    def options(self) -> list[str]:
        """Those of the command, each a word."""
        return shlex.split(self.command)[len(RUN) :]

    def command_for(self, names: Sequence[str]) -> str:
        """The command that measures these blocks and no others."""
        return f"{self.command} --block {','.join(names)}"

    def document(self) -> dict[str, object]:
        """The plan as it is written."""
        blocks = {
            block.name: {
                "cells": [cell.id for cell in block.cells],
                "default": [cell.id for cell in block.default],
            }
            for block in self.blocks
        }
        names = ("profile", "passes", "threads", "allocator")
        return {
            "format": SHARDS_FORMAT,
            "plan": {
                **{name: getattr(self, name) for name in names},
                "blocks": blocks,
                "not_planned": list(self.not_planned),
            },
            "code": vars(self.code),
            "seconds": {block.name: block.seconds for block in self.blocks},
            "command": self.command,
        }

    def write(self, folder: Path, writer: str) -> None:
        """Puts the plan into its folder, unless it is there; every machine would write the same bytes."""
        path = folder / SWEEP_PLAN
        if not path.exists():
            write_atomically(path, json.dumps(self.document(), indent=1), writer)


def make(
    cells: Sequence[Cell],
    left_out: Mapping[Cell, str],
    profile: Profile,
    settings: Settings,
    passes: int,
    options: Sequence[str] = (),
) -> Plan:
    """The plan of these cells; `options` chose them, as they are written on a command line.

    The allocator's controls of a profile belong to it where the kept heap is measured, as in a plain run.
    """
    default = [cell for cell in profile.allocator_controls if settings.allocator == "kept" and cell in cells]
    devices = ",".join(dict.fromkeys(cell.device for cell in cells))
    kept = [text for text in options if not text.startswith("--device=")]
    how = [f"--threads={settings.threads}", f"--allocator={settings.allocator}", f"--passes={passes}"]
    command = [*RUN, f"--profile={profile.name}", f"--device={devices}", *kept, *how]
    return Plan(
        profile.name,
        passes,
        settings.threads,
        settings.allocator,
        tuple(blocks_of(cells, profile, passes, default)),
        tuple({"cell": cell.id, "why": why, **describe(cell)} for cell, why in left_out.items()),
        code_of(ROOT, cells),
        shlex.join(command),
    )


def code_of(root: Path, cells: Sequence[Cell]) -> Code:
    """The commit and the code under `root`, as far as these cells depend on it."""
    source = identity.source_digest(root, cells)
    try:
        commit = git.digits_of("HEAD", root)
        dirty = bool(git.answer(["status", "--porcelain", "--untracked-files=no"], root)) if commit else None
    except git.GitError:
        commit, dirty = None, None
    return Code(commit or UNVERSIONED, dirty, source)


def read(path: Path) -> Plan:
    """The plan that a file holds.

    Raises:
        ResultsError: it is damaged, of another format, or has cells that are none.
    """
    content = read_format(path, SHAPE, SHARDS_FORMAT, ADVICE)
    plan = content["plan"]
    try:
        blocks = tuple(
            Block(
                name,
                tuple(map(vocabulary.Cell.from_id, part["cells"])),
                tuple(map(vocabulary.Cell.from_id, part["default"])),
                content["seconds"][name],
            )
            for name, part in plan["blocks"].items()
        )
    except (ValueError, KeyError) as error:
        what = f"{path}: expected a sweep's plan, but could not read its blocks ({error}); {ADVICE}."
        raise ResultsError(what) from error
    rest = {name: plan[name] for name in ("profile", "passes", "threads", "allocator")}
    code = Code(**{name: content["code"][name] for name in ("commit", "dirty", "source")})
    left_out = tuple(plan["not_planned"])
    return Plan(**rest, blocks=blocks, not_planned=left_out, code=code, command=content["command"])
