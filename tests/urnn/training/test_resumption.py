"""A run that was stopped in any way ends with the bits of one that was not."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.urnn.training.tiny import logged, raises, run, same_bits, stored
from urnn.models import MODELS
from urnn.training import checkpoint
from urnn.training.__main__ import main
from urnn.training.errors import TrainingError
from urnn.training.interruption import SIGNALS, Stop
from urnn.training.log import Log
from urnn.training.problems import LENGTHS, PROBLEMS
from urnn.training.run import Run
from urnn.training.trainer import Trainer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_held_out")]

# How a run ends that meets its limit: a short one may still be improving there.
AT_A_LIMIT = ("finished", "not finished")


class StopAfter(Stop):
    """Asks for an end before the iteration after so many."""

    def __init__(self, iterations: int) -> None:
        self.left = iterations

    @property
    def asked(self) -> bool:
        self.left -= 1
        return self.left < 0


def assert_same_run(left: Path, right: Path) -> None:
    assert same_bits(stored(left), stored(right))
    assert logged(left) == logged(right)


EVERY_MODEL = [(model, "copying") for model in MODELS]
EVERY_TASK = [("urnn", task) for task in PROBLEMS if task != "copying" and "mnist" not in task]


@pytest.mark.parametrize(("model", "task"), EVERY_MODEL + EVERY_TASK)
def test_an_interrupted_run_ends_like_an_undisturbed_one(model, task, tmp_path):
    settings = {"model": model, "task": task, "length": 8 if task in LENGTHS else None, "hidden_size": 4}
    settings |= {"max_iterations": 5, "evaluate_every": 2}
    assert run(tmp_path / "undisturbed", **settings).outcome in AT_A_LIMIT
    end = run(tmp_path / "stopped", StopAfter(3), **settings)
    assert end.outcome == "interrupted"
    assert logged(tmp_path / "stopped")[-1]["kind"] == "end"
    assert run(tmp_path / "stopped", **settings).outcome in AT_A_LIMIT
    assert_same_run(tmp_path / "stopped", tmp_path / "undisturbed")


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_every_optimisers_state_is_kept(optimiser, tmp_path):
    run(tmp_path / "undisturbed", optimiser=optimiser)
    for stop in (StopAfter(1), StopAfter(0), StopAfter(6), None):
        run(tmp_path / "stopped", stop, optimiser=optimiser)
    assert_same_run(tmp_path / "stopped", tmp_path / "undisturbed")


def test_an_epochs_order_is_kept(tmp_path):
    """1,257 images in batches of 500: the third batch opens the second epoch."""
    settings = {"task": "digits", "length": None, "hidden_size": 4, "batch": 500, "max_iterations": 5}
    run(tmp_path / "undisturbed", **settings)
    run(tmp_path / "stopped", StopAfter(1), **settings)
    run(tmp_path / "stopped", StopAfter(2), **settings)
    run(tmp_path / "stopped", **settings)
    assert_same_run(tmp_path / "stopped", tmp_path / "undisturbed")


def test_one_seed_gives_one_run_and_another_seed_another(tmp_path):
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        run(tmp_path / name, seed=seed)
    assert_same_run(tmp_path / "first", tmp_path / "again")
    assert not same_bits(stored(tmp_path / "first")["state"], stored(tmp_path / "other")["state"])


def test_the_users_random_numbers_have_no_part_in_it(tmp_path):
    run(tmp_path / "first")
    torch.manual_seed(99)
    run(tmp_path / "again")
    assert_same_run(tmp_path / "first", tmp_path / "again")


COMMAND = ["copying", "--length=10", "--hidden=16", "--max-iterations=12", "--evaluate-every=5", "--batch=4"]


def moments_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, bytes]]:
    """Grows with each state of the folder's files that a process may be killed in: before and after each step that
    puts something on the disk."""
    kept: list[dict[str, bytes]] = []

    def keep() -> None:
        found = {path.name: path.read_bytes() for path in folder.iterdir()}
        if found not in kept:
            kept.append(found)

    def watched(step: Callable[..., None]) -> Callable[..., None]:
        def taken(*arguments: object, **options: object) -> None:
            keep()
            step(*arguments, **options)
            keep()

        return taken

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    return kept


def test_killed_at_any_moment_a_run_goes_on(tmp_path, monkeypatch):
    settings = {"hidden_size": 4, "max_iterations": 5, "evaluate_every": 2, "with_anatomy": True}
    with monkeypatch.context() as patched:
        moments = moments_of(tmp_path / "undisturbed", patched)
        run(tmp_path / "undisturbed", **settings)
    # A whole file is seen half done and done: the log's start and the first checkpoint, with a look inside between
    # them, a line and a checkpoint for each of three evaluations, and the end.
    assert len(moments) == 2 + 1 + 2 + 3 * (1 + 2) + 1
    for number, files in enumerate(moments):
        killed = tmp_path / f"killed{number}"
        killed.mkdir()
        for name, content in files.items():
            (killed / name).write_bytes(content)
        run(killed, **settings)
        assert_same_run(killed, tmp_path / "undisturbed")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_a_sentence_and_keeps_the_iteration(number, tmp_path, monkeypatch, capsys):
    """It comes inside an iteration; the iteration is finished first."""
    plain = Trainer.iterate

    def interrupted(self):
        if self.progress.iteration == 6:
            os.kill(os.getpid(), number)
        plain(self)

    arguments = [*COMMAND, f"--runs={tmp_path}"]
    before = signal.getsignal(number)
    monkeypatch.setattr(Trainer, "iterate", interrupted)
    assert main(arguments) == 2
    folder = tmp_path / "copying-T10" / "urnn-n16-seed0"
    assert capsys.readouterr().err == (
        f"error: interrupted after iteration 7; {folder} keeps it, and the same command goes on\n"
    )
    assert signal.getsignal(number) is before
    logged = Log(folder).end()["message"]
    assert logged == "interrupted after iteration 7; urnn-n16-seed0 keeps it, and the same command goes on"

    monkeypatch.setattr(Trainer, "iterate", plain)
    assert main(arguments) == 0
    assert f"going on after iteration 7, from {folder}" in capsys.readouterr().out


def test_ctrl_c_twice_ends_at_once(tmp_path, monkeypatch, capsys):
    def interrupted_twice(self):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second signal was not heard")

    monkeypatch.setattr("urnn.training.trainer.Trainer.iterate", interrupted_twice)
    assert main([*COMMAND, f"--runs={tmp_path}"]) == 2
    assert capsys.readouterr().err == (
        "error: interrupted; the last checkpoint is kept, and the same command goes on\n"
    )


def test_what_the_log_holds_beyond_the_checkpoint_is_seen_again(tmp_path):
    """Killed between an evaluation's line and its checkpoint, and once more in the middle of a line."""
    run(tmp_path / "undisturbed", with_anatomy=True)
    run(tmp_path / "stopped", StopAfter(6), with_anatomy=True)
    with (tmp_path / "stopped" / "log.jsonl").open("a") as file:
        file.write(json.dumps({"kind": "evaluation", "iteration": 8, "loss": 0.0}) + "\n")
        file.write('{"kind": "evaluation", "iterat')
    run(tmp_path / "stopped", with_anatomy=True)
    assert_same_run(tmp_path / "stopped", tmp_path / "undisturbed")


def test_killed_before_its_first_checkpoint_a_run_starts_over(tmp_path, monkeypatch):
    run(tmp_path / "undisturbed", with_anatomy=True)
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save", raises(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "killed", with_anatomy=True)
    assert [line["kind"] for line in logged(tmp_path / "killed")] == ["run", "anatomy"]
    run(tmp_path / "killed", with_anatomy=True)
    assert_same_run(tmp_path / "killed", tmp_path / "undisturbed")


def test_a_log_whose_checkpoint_is_gone_is_not_overwritten(tmp_path):
    run(tmp_path)
    (tmp_path / checkpoint.NAME).unlink()
    log = tmp_path / "log.jsonl"
    before = log.read_bytes()
    with pytest.raises(TrainingError) as caught:
        run(tmp_path)
    assert str(caught.value) == (
        f"{log} has evaluations and checkpoint.pt is missing beside it; put it back, or start over with --fresh, "
        "or name another folder with --runs"
    )
    assert log.read_bytes() == before


class TestAnotherLimit:
    """The one setting that may change when a run goes on."""

    def test_raised_the_run_goes_on_to_the_parameters_of_one_that_had_it_from_the_start(self, tmp_path):
        run(tmp_path / "raised", max_iterations=6)
        assert run(tmp_path / "raised", max_iterations=9).outcome in AT_A_LIMIT
        run(tmp_path / "whole", max_iterations=9)
        raised, whole = (stored(tmp_path / name)["state"] for name in ("raised", "whole"))
        assert all(same_bits(raised[name], whole[name]) for name in ("network", "optimiser", "stream"))
        lines = logged(tmp_path / "raised")
        assert lines[0] == logged(tmp_path / "whole")[0], "the limit in the log's first line is the new one"
        assert [line["iteration"] for line in lines[1:]] == [4, 6, 8, 9, 9]
        assert run(tmp_path / "raised", max_iterations=9).outcome in AT_A_LIMIT, "it has ended again"

    def test_lowered_to_what_is_still_to_come_the_run_ends_there(self, tmp_path):
        run(tmp_path, StopAfter(3))
        assert run(tmp_path, max_iterations=5).message.partition("; ")[0].endswith("after 5 iterations")

    @pytest.mark.parametrize("stop", [None, StopAfter(5)])
    def test_lowered_below_what_is_done_it_is_refused_and_nothing_is_lost(self, stop, tmp_path):
        run(tmp_path, stop)
        done, before, path = (9, 5)[stop is not None], stored(tmp_path), tmp_path / "checkpoint.pt"
        with pytest.raises(TrainingError) as caught:
            run(tmp_path, max_iterations=4)
        assert str(caught.value) == (
            f"--max-iterations must be at least {done} here, which {path} has reached, got 4; "
            "start over with --fresh, or name another folder with --runs"
        )
        assert same_bits(stored(tmp_path), before)

    def test_a_solved_run_has_ended_whatever_the_limit(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Run, "_outcome", lambda self: "solved" if self.trainer.progress.iteration else None)
        first = run(tmp_path)
        assert first.outcome == "solved"
        assert run(tmp_path, max_iterations=99).message == first.message


def test_killed_between_its_last_checkpoint_and_its_end_a_run_is_scored(tmp_path):
    run(tmp_path / "undisturbed")
    run(tmp_path / "killed")
    path = tmp_path / "killed" / "log.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert run(tmp_path / "killed").outcome in AT_A_LIMIT
    assert_same_run(tmp_path / "killed", tmp_path / "undisturbed")


def test_a_run_that_has_ended_is_not_trained_again(tmp_path):
    first = run(tmp_path)
    modified = (tmp_path / checkpoint.NAME).stat().st_mtime_ns
    assert run(tmp_path) == first
    assert (tmp_path / checkpoint.NAME).stat().st_mtime_ns == modified


class TestSeconds:
    """A limit of training's own seconds; it may change when a run goes on."""

    def test_a_run_ends_at_it_with_an_evaluation_and_goes_on_where_it_is_raised(self, tmp_path):
        assert run(tmp_path, max_seconds=1e-3).outcome == "not finished"
        lines = Log(tmp_path).lines()
        assert [line["iteration"] for line in lines[1:]] == [1, 1]
        assert run(tmp_path, max_seconds=1e-3).message == lines[-1]["message"].replace(
            tmp_path.name, str(tmp_path)
        )
        assert run(tmp_path, max_seconds=1e9).outcome == "not finished"
        lines = Log(tmp_path).lines()
        assert ([line["iteration"] for line in lines[1:]], lines[0]["max_seconds"]) == ([1, 4, 8, 9, 9], 1e9)
