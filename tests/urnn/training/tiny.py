"""Runs of seconds: short sequences, few units."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from urnn.training import checkpoint, problems
from urnn.training.__main__ import main
from urnn.training.display import Display
from urnn.training.interruption import Stop
from urnn.training.log import Log
from urnn.training.run import End, Run
from urnn.training.settings import Settings
from urnn.training.trainer import Trainer

NOWHERE = Path("nowhere")
TINY = ["copying", "--length=10", "--hidden=4", "--max-iterations=2", "--batch=2"]  # a command
COPYING = Settings(
    task="copying",
    length=10,
    model="urnn",
    backend=None,
    hidden_size=16,
    batch=4,
    seed=0,
    optimiser="rmsprop",
    learning_rate=1e-3,
    slow_rate=0.1,
    decay=0.9,
    momentum=0.9,
    clip=None,
    max_iterations=9,
    evaluate_every=4,
    device="cpu",
    threads=1,
)


def complaint(arguments: list[str], tmp_path, capsys, *, quiet: bool = True) -> str:
    """The one line on standard error; before it nothing was trained where it is to be `quiet`."""
    assert main([*arguments, f"--runs={tmp_path}"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert not quiet or "iteration" not in told.out
    return told.err.removeprefix("error: ").strip()


def trainer(settings: Settings = COPYING, **changes: object) -> Trainer:
    settings = replace(settings, **changes)
    return Trainer(settings, problems.build(settings.task, settings.length, NOWHERE))


def run(folder: Path, stop: Stop | None = None, *, with_anatomy: bool = False, **changes: object) -> End:
    """A whole run in a folder; says nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    made = trainer(**changes)
    with Display(made.problem, made.settings) as display:
        return Run(made, folder, display, with_anatomy=with_anatomy).to_its_end(stop or Stop())


def hold_out_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch of validation and of test data."""
    for name in ("VALIDATION_SEQUENCES", "TEST_SEQUENCES"):
        monkeypatch.setattr(problems, name, problems.HELD_OUT_BATCH)


def raises(error: BaseException | type[BaseException]) -> Callable[..., None]:
    """A function that does nothing else."""

    def call(*_: object, **__: object) -> None:
        raise error

    return call


def stored(folder: Path) -> dict:
    """What the folder's checkpoint holds, without the times that a clock has put in."""
    content = checkpoint.read(folder / checkpoint.NAME)
    for name in ("seconds", "window_seconds"):
        del content["state"]["progress"][name]
    return content


def logged(folder: Path) -> list[dict]:
    """The folder's log without the times that a clock has put in."""
    timed = {"seconds", "iterations_per_second", "started_at"}
    return [{name: line[name] for name in line if name not in timed} for line in Log(folder).lines()]


def same_bits(left: object, right: object) -> bool:
    """Whether two nests of dicts, lists, tensors and plain values are equal, tensors in every bit."""
    if isinstance(left, torch.Tensor):
        return isinstance(right, torch.Tensor) and left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same_bits(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same_bits, left, right))
    return left == right
