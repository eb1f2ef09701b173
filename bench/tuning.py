"""Tuning by the same protocol for every model: random search with successive halving, on validation data.

Each rung trains the trials that are left up to its seconds and keeps the better half. Trials are processes of the
trainer, as in `bench.reproduce`, and go on from their checkpoints: the same command takes up what was stopped.
"""

import csv
import io
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.vocabulary import duration
from bench.errors import SweepError
from bench.reproduce import Conditions, train_all
from bench.trials import SPACE_VERSION, Trial, outcome_of, rungs, settings_of
from urnn.files import write_atomically
from urnn.training import files, tuned
from urnn.training.display import as_line


@dataclass(frozen=True)
class Protocol:
    """What every model is given on a task: trials, and seconds of training over all of them."""

    trials: int
    budget: float
    space: int = SPACE_VERSION
    include: str | None = None  # a place: what was chosen there is one more trial of every model


@dataclass
class Pair:
    """A task and a model; `left` are trials that no rung has cut, `cut` says after which rung others were."""

    place: str
    model: str
    trials: list[Trial]
    left: list[Trial]
    cut: dict[int, int]


def tune(
    places: Sequence[str],
    models: Sequence[str],
    protocol: Protocol,
    conditions: Conditions,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> tuple[list[Pair], bool, bool]:
    """Every pair, rung by rung, until the time is up -> pairs, whether all is done, whether Ctrl-C came.

    Raises:
        SweepError: the folder is in use, cannot be written to, or was begun under another protocol.
        ValueError: no such task or model.
    """
    deadline = clock() + conditions.seconds
    pairs = [_pair(place, model, protocol) for place in places for model in models]
    plan = rungs(max(len(pair.trials) for pair in pairs), protocol.budget)
    _require_protocol(conditions.runs, protocol)
    for number, (count, seconds) in enumerate(plan, 1):
        jobs = []
        for pair in pairs:
            _keep(pair, count, number, conditions.runs)
            pair.left = [replace(trial, seconds=seconds) for trial in pair.left]
            jobs += pair.left
        rest = sum(left * (most - most / 2 * (place > 0)) for place, (left, most) in enumerate(plan[number - 1 :]))
        left = duration(max(rest * len(pairs) / conditions.jobs, 0.0))
        say(f"rung {number} of {len(plan)}: {len(jobs)} trials up to {seconds:.1f} s each, at most {left} left")
        result = train_all(jobs, replace(conditions, seconds=deadline - clock()), say)
        for pair in pairs:
            _write_table(pair, conditions.runs)
        if result.stopped or result.interrupted or result.not_run:
            return pairs, False, result.stopped
    for pair in pairs:
        _keep(pair, 1, len(plan) + 1, conditions.runs)
        _write_table(pair, conditions.runs)
    return pairs, True, False


def _pair(place: str, model: str, protocol: Protocol) -> Pair:
    task, length = tuned.parsed(place)
    found = settings_of(place, model, protocol.trials, protocol.include)
    trials = [Trial(task, length, model, number, one, protocol.budget) for number, one in enumerate(found, 1)]
    return Pair(place, model, trials, trials, {})


def _require_protocol(runs: Path, protocol: Protocol) -> None:
    path, wanted = runs / "protocol.json", {k: v for k, v in vars(protocol).items() if v is not None}
    try:
        runs.mkdir(parents=True, exist_ok=True)
        before = files.read(path)
        if before is None:
            write_atomically(path, json.dumps(wanted).encode())
            return
        found = json.loads(before)
    except (OSError, ValueError) as error:
        raise SweepError(f"cannot use {path} ({as_line(str(error))}); name another folder with --runs") from error
    if found != wanted:
        raise SweepError(f"{runs} was begun with {found}, got {wanted}; name another folder with --runs")


def _keep(pair: Pair, count: int, rung: int, runs: Path) -> None:
    """Leaves the best so many; those without an evaluation, which failed or diverged at once, are cut first."""
    found = {trial.number: outcome_of(trial, runs)["rank"] for trial in pair.left}
    order = sorted(pair.left, key=lambda one: (found[one.number] is None, found[one.number] or (), one.number))
    pair.cut |= {trial.number: rung - 1 for trial in order[count:]}
    pair.left = order[:count]


def _write_table(pair: Pair, runs: Path) -> None:
    """trials.csv beside the pair's trials: settings, what each came to, and the rung after which it was cut."""
    rows = [
        {
            "trial": trial.number,
            **dict(trial.settings),
            **outcome_of(trial, runs),
            "cut_after": pair.cut.get(trial.number),
        }
        for trial in pair.trials
    ]
    text = io.StringIO()
    table = csv.DictWriter(text, [name for name in rows[0] if name != "rank"], extrasaction="ignore")
    table.writeheader()
    table.writerows(rows)
    folder = runs / pair.place / pair.model
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "trials.csv", text.getvalue().encode())
    except OSError as error:
        raise SweepError(f"cannot write {folder / 'trials.csv'} ({files.reason(error)})") from error


def chosen(pair: Pair, runs: Path, protocol: Protocol) -> tuple[dict, dict] | None:
    """The best trial's settings and the summary of all, as `tuned` writes them; None where no trial has a rank."""
    found = {trial.number: outcome_of(trial, runs) for trial in pair.trials}
    best = pair.left[0]
    if found[best.number]["rank"] is None:
        return None
    losses = [one["best_loss"] for one in found.values() if one["best_loss"] is not None]
    summary = {
        "count": len(found),
        "space": protocol.space,
        "budget_seconds": protocol.budget,
        "seconds": round(sum(one["seconds"] for one in found.values()), 1),
        "best": best.number,
        "best_loss": found[best.number]["best_loss"],
        "best_score": found[best.number]["best_score"],
        "median_loss": statistics.median(losses),
        "solved": sum(one["solved_iteration"] is not None for one in found.values()),
        "solved_iteration": found[best.number]["solved_iteration"],
        "solved_seconds": found[best.number]["solved_seconds"],
    }
    return dict(best.settings), summary
