"""The sentences that the report opens with, made from the data and ready to say the opposite.

The uRNN and the LSTM speak; all other models are in the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from analysis import units
from analysis.experiments.claims import AGREE, DIFFER, NOT_RUN, accuracy
from analysis.experiments.goals import NOT_RECORDED
from analysis.experiments.schema import TASK_LABELS
from analysis.experiments.study import Study
from analysis.vocabulary import counted

SPOKEN = ("urnn", "lstm")
SOLVABLE = {"copying": "copying memory", "adding": "adding"}


def headlines(study: Study, claims: pd.DataFrame) -> list[str]:
    """What each speaking model does on each task that was run, then how the paper's statements fared."""
    sentences = []
    groups = list(study.speaking.sort_values("length", kind="stable").itertuples())
    for task in TASK_LABELS:
        found = [[one for one in groups if (one.task, one.model) == (task, model)] for model in SPOKEN]
        if task in SOLVABLE:
            sentences += [_solving(study, SOLVABLE[task], of_model) for of_model in found if of_model]
        elif any(found):
            words = "; ".join(f"{group.size} {accuracy(group)}" for of_model in found for group in of_model)
            sentences.append(f"{TASK_LABELS[task]}: {words}.")
    if not sentences:
        sentences = ["No run of the uRNN or the LSTM has ended yet."]
    agree, differ, not_run = (int((claims["verdict"] == verdict).sum()) for verdict in (AGREE, DIFFER, NOT_RUN))
    fared = (
        f"Of {len(claims)} statements of the paper, {agree + differ} were tested here: "
        f"{agree} agree, {differ} differ; {not_run} were not run."
    )
    return [*sentences, fared, _seeds(study)]


def _solving(study: Study, task: str, found: Sequence[Any]) -> str:
    """'uRNN-128 solves copying memory at T = 100 and 200 with every seed (...); not at T = 500.'"""
    name = found[0].size
    goal = " or ".join(dict.fromkeys(group.goal or NOT_RECORDED for group in found))
    solved = [group for group in found if group.met == group.seeds]
    misses = _misses([group for group in found if group.met < group.seeds])
    if not solved:
        return f"{name} does not solve {task} ({goal}): {misses}."
    seeds = [group.seeds for group in solved]
    every = "its one seed" if max(seeds) == 1 else f"each of {_span(seeds, str)} seeds"
    runs = study.runs[study.runs["member"] & study.runs["group"].isin([group.group for group in solved])]
    iterations = _span(runs["solved_iteration"], "{:,.0f}".format)
    numbers = f"{iterations} iterations, {_span(runs['solved_seconds'], units.significant)} s"
    return (
        f"{name} solves {task} at {_lengths(solved)} with {every}, in {numbers} ({goal})"
        f"{'; ' * bool(misses)}{misses}."
    )


def _span(values: Sequence[float] | pd.Series, text: Callable[[Any], str]) -> str:
    low, high = text(min(values)), text(max(values))
    return low if low == high else f"{low} to {high}"


def _misses(found: Sequence[Any]) -> str:
    """What became of the lengths that not every seed solved, alike ones together."""
    alike: dict[str, list[Any]] = {}
    for group in found:
        solved = f"{group.met} of {counted(group.seeds, 'seed')} solved it"
        alike.setdefault(f"{solved} and {group.below} ended below the baseline", []).append(group)
    return "; ".join(
        f"at {_lengths(groups)}, {words}, within {max(group.iterations for group in groups):,} iterations"
        for words, groups in alike.items()
    )


def _lengths(found: Sequence[Any]) -> str:
    *others, last = [str(group.length) for group in found]
    return f"T = {', '.join(others)} and {last}" if others else f"T = {last}"


def _seeds(study: Study) -> str:
    """How many seeds there are behind what is said."""
    ended = study.groups["ended"]
    counts, runs, unfinished = study.groups.loc[ended, "seeds"], len(study.logs.runs), sum(~ended)
    if counts.empty:
        return f"{counted(runs, 'run')}, none of which has ended."
    seeds = counted(counts.max(), "seed") if counts.nunique() == 1 else f"{_span(counts, str)} seeds"
    also = f"; of {unfinished} more, no run has ended" if unfinished else ""
    return f"{runs} runs: {seeds} for each of {len(counts)} settings{also}."
