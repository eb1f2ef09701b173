"""A run that cannot fit into memory is refused before anything is allocated; one that runs out of it says so."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest
import torch

from bench.meters.memory import peak_allocated_bytes
from tests.urnn.training.tiny import TINY, complaint, raises, trainer
from urnn.training import command, memory, problems
from urnn.training.__main__ import main
from urnn.training.trainer import Trainer


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "copying --length=1000000000",
            "--length 1000000000, --hidden 128 and --batch 20 need at least 53.2 TB of memory",
        ),
        (
            "digits --hidden=500000 --model=lstm",
            "--hidden 500000 and --batch 20 need at least 12.0 TB of memory",
        ),
        (
            "copying --length=100 --batch=1000000000",
            "--length 100, --hidden 128 and --batch 1000000000 need at least 127.7 TB of memory",
        ),
    ],
)
def test_a_run_that_cannot_fit_is_refused_before_anything_is_allocated(
    arguments, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(memory, "available", lambda device: 8_000_000_000)
    monkeypatch.setattr(command, "Trainer", None)
    told = complaint(arguments.split(), tmp_path, capsys)
    assert told == f"{message}, and 8.0 GB are free; make one of them smaller"


def test_what_the_allocator_refuses_is_a_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Trainer, "iterate", lambda self: torch.empty(10**15))
    told = complaint(TINY, tmp_path, capsys)
    assert told == "there is not enough memory for this run; make --batch, --hidden or --length smaller"


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")])
def test_so_is_what_others_refuse(error, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Trainer, "iterate", raises(error))
    assert complaint(TINY, tmp_path, capsys).startswith("there is not enough memory for this run; ")


def test_another_error_in_an_iteration_is_a_crash(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Trainer, "iterate", raises(RuntimeError("a mistake")))
    assert main([*TINY, f"--runs={tmp_path}"]) == 2
    assert capsys.readouterr().err.endswith("\nRuntimeError: a mistake\n")


@pytest.mark.parametrize("model", ["urnn", "lstm", "gru", "rnn_tanh", "ortho_cayley"])
@pytest.mark.parametrize("task", ["copying", "adding", "selective_copying", "characters"])
def test_no_run_that_fits_is_refused(task, model):
    """What is said to be needed is less than what torch's allocator counts in an iteration."""
    made = trainer(task=task, model=model, length=200, hidden_size=64, batch=60)
    made.iterate()
    state = sum(parameter.numel() for parameter in made.network.parameters()) * memory.FLOAT * 2
    peak = peak_allocated_bytes(made.iterate, "cpu")
    assert 0.1 * peak < memory.least(made.settings, made.problem) <= peak + state


def test_longer_test_sequences_count():
    """Words of 256 letters, tested 50 at a time, are more than a batch of one word of 40 to train on."""
    made = trainer(task="parity", length=None, hidden_size=64, batch=1)
    assert made.problem.most_steps == 256
    values = sum(parameter.numel() for parameter in made.network.parameters())
    scored = 256 * problems.HELD_OUT_BATCH * (2 + 2 * 64)
    assert memory.least(made.settings, made.problem) == memory.FLOAT * (3 * values + scored)


def test_a_containers_limit_counts_and_no_limit_does_not(tmp_path, monkeypatch):
    for name, text in {"limit": "2048", "none": "max"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=3000))
    monkeypatch.setattr(psutil, "swap_memory", lambda: SimpleNamespace(free=1096))
    for names, free in ((["limit", "none"], 2048), (["none", "missing"], 4096)):
        monkeypatch.setattr(memory, "_CGROUP_LIMITS", [tmp_path / name for name in names])
        assert memory.available("cpu") == free


def test_what_is_free_is_part_of_what_is_installed():
    assert 0 < memory.available("cpu") <= psutil.virtual_memory().total + psutil.swap_memory().total


@pytest.mark.parametrize("error", [FileNotFoundError("/proc/meminfo"), KeyError("MemTotal:"), ValueError()])
def test_where_the_system_says_nothing_nothing_is_refused(error, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", raises(error))
    made = trainer()
    assert memory.available("cpu") is None
    memory.require(replace(made.settings, batch=10**9), made.problem)


def test_a_system_that_counts_no_use_of_swap_space_is_no_warning(monkeypatch):
    def counted() -> SimpleNamespace:
        warnings.warn("'sin' and 'sout' swap memory stats couldn't be determined", RuntimeWarning, stacklevel=2)
        return SimpleNamespace(free=0)

    monkeypatch.setattr(psutil, "swap_memory", counted)
    assert memory.available("cpu") > 0


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2 * 10**15, "2.0 PB"), (10**20, "100000.0 PB")],
)
def test_sizes_in_words(count, told):
    assert memory.as_bytes(count) == told
