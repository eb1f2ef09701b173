"""Hand-made training logs, written line by line as the trainer writes them, with curves of simple shapes.

Known weakness: that the trainer writes the same is shown by the runs on real logs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from math import exp, log
from pathlib import Path
from typing import Any

import pytest

from analysis.experiments import Logs, read
from analysis.experiments.study import Study

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
        "decay": 0.9,
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


def write_reduced_set(folder: Path) -> None:
    """What `make reproduce` might give: copying solved by the uRNN and not by the LSTM; one run that diverged."""
    for length in (100, 200, 300, 500):
        base = header(length=length)["baseline"]
        looks = {
            "urnn": [anatomy(at, length + 19, 0.5 + at / 200, 0.5) for at in (0, 100)],
            "lstm": [anatomy(at, length + 19, 4.0 + at / 10, 0.002) for at in (0, 100)],
        }
        for seed in range(3):
            count = 5 + seed
            common = {"length": length, "seed": seed}
            losses = falling(base * 2, base * 0.05, count)
            write_run(folder, losses, rising(0.125, 1.0, count), "solved", 6000 / length, looks["urnn"], **common)
            share = 0.7 if length == 100 else 1.0
            losses = falling(base * 3, base * share, 20)
            looks_inside = looks["lstm"] if seed == 0 else []
            write_run(folder, losses, [0.13] * 20, "finished", 9000 / length, looks_inside, model="lstm", **common)
        write_run(folder, falling(base * 3, base, 20), [0.125] * 20, model="irnn", length=length, speed=100)
        write_run(folder, [base * 2], [0.125], None, model="ortho_cayley", length=length)
    for length in (100, 200):
        for seed in range(2):
            common = {"task": "adding", "length": length, "seed": seed, "max_iterations": 3000, "batch": 50}
            size = {"hidden_size": 512, "parameters": 8193}
            losses = falling(0.17, 0.009, 20 + 10 * seed)
            write_run(folder, losses, rising(0.1, 0.5, len(losses)), "solved", 8, **common, **size)
            write_run(folder, [0.17] * 30, [0.08] * 30, model="lstm", speed=25, **common)
    write_run(
        folder, [0.2, 0.19], [0.05] * 2, "diverged", task="adding", model="irnn", max_iterations=3000, batch=50
    )
    for task, best in (
        ("digits", {"urnn": 0.96, "lstm": 0.97}),
        ("permuted_digits", {"urnn": 0.95, "lstm": 0.91}),
    ):
        for model, accuracy in best.items():
            for seed in range(3):
                write_run(
                    folder,
                    falling(2.3, 0.1 + 0.02 * seed, 20),
                    rising(0.1, accuracy - 0.01 * seed, 20),
                    task=task,
                    length=64,
                    model=model,
                    seed=seed,
                    hidden_size=512 if model == "urnn" else 128,
                    batch=50,
                    speed=40,
                )


@pytest.fixture(scope="session")
def reduced_logs(tmp_path_factory: pytest.TempPathFactory) -> Logs:
    """The reduced set, read."""
    folder = tmp_path_factory.mktemp("reduced")
    write_reduced_set(folder)
    return read(folder)
