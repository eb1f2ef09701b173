"""The sentences at the top: the matrix in a few, whoever is ahead, and how the paper's statements fared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from analysis import units
from analysis.appearance import order
from analysis.experiments.matrix import seconds
from analysis.experiments.schema import DIVERGED, LENGTH_SYMBOLS, TASK_LABELS
from analysis.experiments.standing import BEHIND, BEST, LEVEL
from analysis.experiments.study import Study
from analysis.experiments.verdicts import NOT_FINISHED, NOT_SOLVED, PARTLY, PLACE
from analysis.pages.statements import AGREE, DIFFER, NOT_DECIDED, NOT_RUN, VERDICTS
from analysis.vocabulary import counted, joined

OURS = "urnn"
UNSOLVED = {
    PARTLY: "solves with some of its seeds only {}",
    NOT_SOLVED: "does not solve {}",
    NOT_FINISHED: "had not solved {} when it was stopped, which is no verdict",
    DIVERGED: "diverges on {}",
}
IN_A_SENTENCE = {
    "copying": "copying memory",
    "adding": "adding",
    "digits": "the digits in order",
    "permuted_digits": "the permuted digits",
    "mnist": "MNIST in order",
    "permuted_mnist": "permuted MNIST",
    "parity": "parity",
    "modular_addition": "sums modulo 5",
    "words_s3": "words of S3",
    "words_a5": "words of A5",
    "selective_copying": "selective copying",
    "denoising": "denoising",
    "associative_recall": "associative recall",
    "characters": "characters of a text",
    "text": "letters of a text",
}


def headlines(study: Study, standing: pd.DataFrame, claims: pd.DataFrame) -> list[str]:
    """Who is ahead, where the uRNN is behind or without its goal, who solved how many, the paper, the seeds."""
    found = [*_ahead(standing), *_behind(standing), *_unsolved(standing), *_solved(standing)]
    return [*(found or ["No two models have ended on the same task yet."]), _paper(claims), _seeds(study)]


def _ahead(standing: pd.DataFrame) -> list[str]:
    """A sentence a model that is best somewhere, the uRNN first."""
    said, best = [], standing[standing["mark"] == BEST]
    for model in order(best["model"]):
        rows, parts = best[best["model"] == model], []
        fast = rows[rows["by_seconds"]]
        whole = fast["met"] == fast["seeds"]
        if len(every := fast[whole]):
            told = places(every, lambda one: seconds(one.seconds.value), most=2)
            parts.append(f"is the fastest to solve {told}")
        if len(partly := fast[~whole]):
            parts.append(f"comes closest to solving {places(partly, value_of)} with every seed")
        if len(scored := rows[~rows["by_seconds"]]):
            parts.append(f"has the best score on {places(scored, lambda one: units.share(one.score.value))}")
        said.append(f"{'The ' * (model == OURS)}{rows['label'].iloc[0]} {_listing(parts)}.")
    level = standing[(standing["mark"] == LEVEL) & (standing["model"] == OURS)]
    return [*said, *([f"The uRNN is level with the best on {against(standing, level)}."] if len(level) else [])]


def _behind(standing: pd.DataFrame) -> list[str]:
    behind = standing[(standing["mark"] == BEHIND) & (standing["model"] == OURS)]
    return [f"The uRNN is behind on {against(standing, behind)}."] if len(behind) else []


def _unsolved(standing: pd.DataFrame) -> list[str]:
    ours, sentences = standing[standing["model"] == OURS], []
    for mark, words in UNSOLVED.items():
        if len(rows := ours[ours["mark"] == mark]):
            sentences.append(f"The uRNN {words.format(against(standing, rows))}.")
    return sentences


def _solved(standing: pd.DataFrame) -> list[str]:
    """How many of the tasks with a goal each model solved with every seed."""
    rows = standing[standing["by_seconds"] & standing["ended"]]
    counts: dict[tuple[int, int], list[str]] = {}
    for _, mine in rows.groupby("model", sort=False):
        counts.setdefault((sum(mine["met"] == mine["seeds"]), len(mine)), []).append(mine["label"].iloc[0])
    if rows["model"].nunique() < 2:
        return []
    ranked = sorted(counts.items(), key=lambda one: -one[0][0] / one[0][1])
    told = "; ".join(f"{joined(names)} {number or 'none'} of {of}" for (number, of), names in ranked)
    return [f"Tasks solved with every seed, of those run that end with their goal: {told}."]


def against(standing: pd.DataFrame, rows: pd.DataFrame) -> str:
    """Places with what this model has there and who is best: 'parity (9.1 s; nn.LSTM 2.3 s)'."""
    best = {tuple(getattr(one, name) for name in PLACE): one for one in standing.itertuples() if one.mark == BEST}

    def told(one: Any) -> str:
        other = best.get(tuple(getattr(one, name) for name in PLACE))
        return "; ".join(
            filter(None, [value_of(one), f"{other.label} {value_of(other)}" if other else "no model solved it"])
        )

    return places(rows, told)


def value_of(group: Any) -> str:
    """Its seconds, with the seeds that took them where not all did, or its score; empty where it has none."""
    if group.by_seconds:
        partly = f" with {group.met} of {counted(group.seeds, 'seed')}" * (group.met < group.seeds)
        return f"{seconds(group.seconds.value)}{partly}" if group.seconds else ""
    return units.share(group.score.value) if group.score else ""


def places(rows: pd.DataFrame, told: Callable[[Any], str], most: int = 99) -> str:
    """'copying memory at T = 100 (0.9 s) and 200 (1.6 s), parity (9.1 s)': each place with what is told of it.

    Of a task with more than `most` lengths the first and the last are told alone.
    """
    found: dict[str, list[Any]] = {}
    for one in rows.itertuples():
        found.setdefault(one.task, []).append(one)
    return joined([_task(task, groups, told, most) for task, groups in found.items()])


def _task(task: str, groups: Sequence[Any], told: Callable[[Any], str], most: int) -> str:
    name = IN_A_SENTENCE.get(task, TASK_LABELS.get(task, task))
    symbol = LENGTH_SYMBOLS.get(task)
    words = [f" ({said})" if (said := told(one)) else "" for one in groups]
    if not symbol:
        return f"{name}{words[0]}"
    if len(groups) > most:
        lengths = joined([units.steps(one.length) for one in groups])
        return f"{name} at {symbol} = {lengths} ({told(groups[0])} to {told(groups[-1])})"
    lengths = joined([f"{units.steps(one.length)}{word}" for one, word in zip(groups, words, strict=True)])
    return f"{name} at {symbol} = {lengths}"


def _listing(parts: Sequence[str]) -> str:
    """Parts that may have an 'and' of their own."""
    *others, last = parts
    return f"{', '.join(others)}, and {last}" if others else last


def _paper(claims: pd.DataFrame) -> str:
    number = {verdict: int((claims["verdict"] == verdict).sum()) for verdict in VERDICTS}
    tested = len(claims) - number[NOT_RUN]
    if not tested:
        return f"None of {len(claims)} statements of the paper was tested: no run is of its tasks with its preset."
    undecided = f"{number[NOT_DECIDED]} not decided, because runs were stopped too early; "
    return (
        f"Of {len(claims)} statements of the paper, {tested} were tested with its preset: {number[AGREE]} agree, "
        f"{number[DIFFER]} differ; {undecided * bool(number[NOT_DECIDED])}{number[NOT_RUN]} were not run."
    )


def _span(values: Sequence[float] | pd.Series, text: Callable[[Any], str]) -> str:
    low, high = text(min(values)), text(max(values))
    return low if low == high else f"{low} to {high}"


def _seeds(study: Study) -> str:
    """How many seeds there are behind what is said."""
    ended = study.groups["ended"]
    counts, runs, unfinished = study.groups.loc[ended, "seeds"], len(study.logs.runs), sum(~ended)
    if counts.empty:
        return f"{counted(runs, 'run')}, none of which has ended."
    seeds = counted(counts.max(), "seed") if counts.nunique() == 1 else f"{_span(counts, str)} seeds"
    also = f"; of {unfinished} more, no run has ended" if unfinished else ""
    return f"{runs} runs: {seeds} for each of {len(counts)} settings{also}."
