"""A small sweep in shards that takes no time, on machines of a test's choice."""

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


@pytest.fixture
def player(monkeypatch) -> Player:
    """Plays every measuring process; the code is that of no checkout."""
    made = Player()
    monkeypatch.setattr(lane, "measuring_process", made.process)
    monkeypatch.setattr(plan, "code_of", lambda root, cells: CODE)
    monkeypatch.setattr(session, "this_machine", lambda: made.machine)
    return made


@pytest.fixture
def measure(player, tmp_path) -> Callable[..., Path]:
    """Measures a shard of the sweep into a folder, on a machine; the folder."""

    def run(shard: str, folder: str = "results", machine: Machine = KIND, *options: str, code: int = 0) -> Path:
        player.machine = machine
        results = tmp_path / folder
        assert main(["run", *SLICE, f"--results={results}", f"--shard={shard}", *options]) == code
        return results

    return run


def machines(count: int) -> list[Machine]:
    """So many of one kind."""
    return [replace(KIND, node=f"node{number}", boot=f"boot {number}") for number in range(1, count + 1)]
