"""Hand-made training logs, written line by line as the trainer writes them, with curves of simple shapes.

Known weakness: that the trainer writes the same is shown by the runs on real logs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from math import exp, log
from pathlib import Path
from typing import Any

import pytest

from analysis.experiments.logs import read
from analysis.experiments.report import write_report
from analysis.experiments.study import Study
from analysis.pages.writing import Report
from tests.analysis.drawn_once import drawn_once

LABELS = {"urnn": "uRNN", "lstm": "nn.LSTM", "irnn": "IRNN", "ortho_cayley": "Orthogonal RNN (Cayley)"}
SIZES = {"urnn": 128, "lstm": 40, "irnn": 80, "ortho_cayley": 64}


def header(task: str = "copying", length: int = 100, model: str = "urnn", seed: int = 0, **changes: Any) -> dict:
    """The first line of a log with everything filled in."""
    steps = length + 20 if task == "copying" else length
    baseline = {"copying": 10 * log(8) / steps, "adding": 1 / 6}.get(task, log(10))
    line = {
        "kind": "run",
        "format": 1,
        "task": task,
        "length": length,
        "steps": steps,
        "model": model,
        "label": LABELS.get(model, model),
        "backend": "cpu" if model == "urnn" else "torch",
        "hidden_size": SIZES.get(model, 64),
        "parameters": 6153,
        "batch": 20,
        "seed": seed,
        "optimiser": "rmsprop",
        "learning_rate": 1e-3,
        "slow_rate": {"urnn": 1.0, "ortho_cayley": 0.1}.get(model),
        "decay": 0.9,
        "momentum": None,
        "clip": None if model == "urnn" else 1.0,
        "max_iterations": 1000,
        "evaluate_every": 50,
        "baseline": baseline,
        "baseline_score": {"copying": 0.125, "adding": 0.08}.get(task, 0.1),
        "loss_name": "mean squared error" if task == "adding" else "cross-entropy (nats)",
        "score_name": {"copying": "recall accuracy", "adding": "answers within 0.04"}.get(task, "accuracy"),
        "threads": 1,
        "device": "cpu",
        "dtype": "float32",
        "torch": "2.13.0",
        "python": "3.11.7",
        "machine": "Linux x86_64",
        "cpu": "a processor",
        "commit": "aaaaaaaa",
        "started_at": f"2026-01-0{seed + 1}T00:00:00+00:00",
    }
    return line | changes


def evaluation(iteration: int, loss: float, score: float, speed: float = 20.0) -> dict:
    """An evaluation after so many iterations at so many a second."""
    return {
        "kind": "evaluation",
        "iteration": iteration,
        "seconds": iteration / speed,
        "train_loss": loss,
        "loss": loss,
        "score": score,
        "score_all": None,
        "iterations_per_second": speed,
    }


def end(outcome: str, last: dict, **changes: Any) -> dict:
    """The last line of a run that ended at its last evaluation, with the same result on test data."""
    result = {"test_loss": last["loss"], "test_score": last["score"]}
    if outcome in ("diverged", "interrupted"):
        result = dict.fromkeys(result)
    line = {"kind": "end", "iteration": last["iteration"], "seconds": last["seconds"], "outcome": outcome}
    return line | {"message": f"{outcome} after {last['iteration']} iterations"} | result | changes


def anatomy(iteration: int, steps: int, fading: float, change: float) -> dict:
    """A look inside: gradients fade by exp(-fading) over the sequence, the state moves by `change` of its norm."""
    t = list(range(1, steps + 1))
    return {
        "kind": "anatomy",
        "iteration": iteration,
        "t": t,
        "state_norm": [1.0 + change * step / steps for step in t],
        "state_change": [change for _ in t],
        "gradient_norm": [exp(-fading * (steps - step) / steps) for step in t],
    }


def write_lines(folder: Path, name: str, entries: Sequence[dict]) -> Path:
    """Write a log into RUNS/name."""
    path = folder / name / "log.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def write_run(
    folder: Path,
    losses: Sequence[float],
    scores: Sequence[float],
    outcome: str | None = "finished",
    speed: float = 20.0,
    looks: Sequence[dict] = (),
    **run: Any,
) -> Path:
    """Write a run with evaluations every 50 iterations; an outcome of None is a log without an end."""
    first = header(**run)
    evaluations = [
        evaluation(50 * number, loss, score, speed)
        for number, (loss, score) in enumerate(zip(losses, scores, strict=True), start=1)
    ]
    last = [end(outcome, evaluations[-1])] if outcome else []
    name = f"{first['task']}-T{first['length']}/{first['model']}-n{first['hidden_size']}-seed{first['seed']}"
    return write_lines(folder, name, [first, *looks, *evaluations, *last])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """An empty folder for runs."""
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def add(runs: Path) -> Callable[..., Path]:
    """Writes one run into the folder."""
    return lambda *losses_and_scores, **run: write_run(runs, *losses_and_scores, **run)


@pytest.fixture
def study(runs: Path) -> Callable[[], Study]:
    """Reads the folder."""
    return lambda: Study(read(runs))


def falling(first: float, last: float, count: int) -> list[float]:
    """Losses that fall by equal factors."""
    return [first * (last / first) ** (number / (count - 1)) for number in range(count)]


def rising(first: float, last: float, count: int) -> list[float]:
    """Scores that rise by equal steps."""
    return [first + (last - first) * number / (count - 1) for number in range(count)]


def write_set(folder: Path) -> None:
    """A small reproduction: the uRNN solves all but digits, the LSTM beats one baseline, one run diverged.

    At T = 200 the LSTM is on a plateau and has more than ten times the uRNN's seconds; elsewhere it has not.
    """
    for length, share in ((100, 0.7), (200, 1.0)):
        base = header(length=length)["baseline"]
        for seed in range(3):
            at, count = {"length": length, "seed": seed}, 5 + seed
            looks = [anatomy(i, length + 19, 0.5 + i / 200, 0.5) for i in (0, 100)]
            write_run(
                folder, falling(base * 2, base / 20, count), rising(0.1, 1, count), "solved", looks=looks, **at
            )
            looks = [anatomy(i, length + 19, 4 + i / 10, 0.002) for i in (0, 100)] if seed == 0 else []
            losses = [*falling(base * 3, base * share, 10), *[base * share] * 10]
            speed = {100: 20, 200: 5}[length]
            write_run(folder, losses, [0.13] * 20, model="lstm", speed=speed, looks=looks, **at)
        write_run(folder, falling(base * 3, base, 20), [0.125] * 20, model="irnn", length=length, speed=100)
    write_run(folder, [0.3], [0.125], None, model="ortho_cayley")
    adding = {"task": "adding", "max_iterations": 3000, "batch": 50}
    for seed in range(2):
        losses = falling(0.17, 0.009, 20 + 10 * seed)
        looks = [anatomy(100, 100, 0.5, 0.5)]
        scores = rising(0.1, 0.5, len(losses))
        write_run(folder, losses, scores, "solved", 8, looks, seed=seed, hidden_size=512, **adding)
        looks = [anatomy(100, 100, 100.0, 0.1)]
        write_run(folder, [0.17] * 30, [0.08] * 30, "finished", 25, looks, model="lstm", seed=seed, **adding)
    write_run(folder, [0.2, 0.19], [0.05] * 2, "diverged", model="irnn", **adding)
    for task, best in (
        ("digits", {"urnn": 0.96, "lstm": 0.97}),
        ("permuted_digits", {"urnn": 0.95, "lstm": 0.91}),
    ):
        for model, accuracy in best.items():
            for seed in range(3):
                scores = rising(0.1, accuracy - 0.01 * seed, 20)
                losses = [*falling(2.3, 0.1, 12), *[0.1] * 8]
                write_run(folder, losses, scores, task=task, length=64, model=model, seed=seed)


@pytest.fixture(scope="session")
def set_of_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small reproduction."""
    folder = tmp_path_factory.mktemp("runs")
    write_set(folder)
    return folder


@pytest.fixture(scope="session")
def small_study(set_of_runs: Path) -> Study:
    """The small reproduction, read."""
    return Study(read(set_of_runs))


@pytest.fixture(scope="session")
def small_report(small_study: Study, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The small reproduction's report, written."""
    return drawn_once("experiments", partial(write_report, small_study.logs), tmp_path_factory.getbasetemp())
