"""A small sweep in shards that takes no time, on machines of a test's choice."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.commands import main
from bench.fleet import plan, session
from bench.fleet.plan import Code
from bench.lane import lane
from bench.machine.kind import Machine
from tests.bench.fleet.played import KIND, Player

SLICE = ["--device=cpu", "--models=lstm:torch,rnn_tanh,gru", "--hidden=4,5,6,7", "--length=3", "--batch=2"]
SLICE += ["--phase=forward", "--task=copying", "--passes=2"]
BLOCKS = [f"cpu-float32-sequence-n{n}-T3-B2" for n in (4, 5, 6, 7)]
CODE = Code("a" * 40, False, "12345678")


def played(patch: pytest.MonkeyPatch) -> Player:
    """Plays every measuring process; the code is that of no checkout."""
    made = Player()
    patch.setattr(lane, "measuring_process", made.process)
    patch.setattr(plan, "code_of", lambda root, cells: CODE)
    patch.setattr(session, "this_machine", lambda: made.machine)
    return made


@pytest.fixture
def player(monkeypatch) -> Player:
    return played(monkeypatch)


@pytest.fixture
def measure(player, tmp_path) -> Callable[..., Path]:
    """Measures a shard of the sweep into a folder, on a machine; the folder."""

    def run(shard: str, folder: str = "results", machine: Machine = KIND, *options: str, code: int = 0) -> Path:
        player.machine = machine
        results = tmp_path / folder
        assert main(["run", *SLICE, f"--results={results}", f"--shard={shard}", *options]) == code
        return results

    return run


@pytest.fixture(scope="session")
def measured_once(tmp_path_factory) -> Path:
    """Three shards, of three machines of one kind, each in a folder of its own."""
    folder = tmp_path_factory.mktemp("measured_once")
    with pytest.MonkeyPatch.context() as patch:
        player = played(patch)
        for number, player.machine in enumerate(machines(3), 1):
            assert main(["run", *SLICE, f"--results={folder / f'shard{number}'}", f"--shard={number}/3"]) == 0
    return folder


@pytest.fixture
def shards(measured_once, tmp_path) -> list[Path]:
    """A copy of them for one test."""
    return [shutil.copytree(measured_once / name, tmp_path / name) for name in ("shard1", "shard2", "shard3")]


def machines(count: int) -> list[Machine]:
    """So many of one kind."""
    return [replace(KIND, node=f"node{number}", boot=f"boot {number}") for number in range(1, count + 1)]
