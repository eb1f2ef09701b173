"""The sentences that the report opens with, made from the data and ready to say the opposite.

The uRNN and the LSTM speak; all other models are in the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis import units
from analysis.experiments.claims import AGREE, DIFFER, NOT_RUN, Answer, accuracy, tally
from analysis.experiments.goals import NOT_RECORDED
from analysis.experiments.schema import TASK_LABELS
from analysis.experiments.study import Group, Study
from analysis.vocabulary import counted

SPOKEN = ("urnn", "lstm")
SOLVABLE = {"copying": "copying memory", "adding": "adding"}


def headlines(study: Study, answers: Sequence[Answer]) -> list[str]:
    """What each speaking model does on each task that was run, then how the paper's statements fared."""
    sentences = []
    for task in TASK_LABELS:
        by_model = [found for model in SPOKEN if (found := _ended(study, task, model))]
        if task in SOLVABLE:
            sentences += [_solving(SOLVABLE[task], found) for found in by_model]
        elif by_model:
            words = "; ".join(f"{group.size} {accuracy(group)}" for found in by_model for group in found)
            sentences.append(f"{TASK_LABELS[task]}: {words}.")
    if not sentences:
        sentences = ["No run of the uRNN or the LSTM has ended yet."]
    counts = tally(answers)
    fared = (
        f"Of {len(answers)} statements of the paper, {counts[AGREE] + counts[DIFFER]} were tested here: "
        f"{counts[AGREE]} agree, {counts[DIFFER]} differ; {counts[NOT_RUN]} were not run."
    )
    return [*sentences, fared, _seeds(study)]


def _ended(study: Study, task: str, model: str) -> list[Group]:
    """At each length the group that speaks for a model."""
    found = [g for g in study.groups if g.ended and (g.place.task, g.model) == (task, model)]
    best = {g.place: g for g in sorted(found, key=lambda g: g.rank)}
    return sorted(best.values(), key=lambda g: g.place.length)


def _solving(task: str, found: list[Group]) -> str:
    """'uRNN-128 solves copying memory at T = 100 and 200 with every seed (...); not at T = 500.'"""
    name = found[0].size
    goal = " or ".join(dict.fromkeys(group.goal or NOT_RECORDED for group in found))
    solved = [group for group in found if group.solved == group.seeds]
    rest = [group for group in found if group.solved < group.seeds]
    if not solved:
        return f"{name} does not solve {task} ({goal}): {_misses(rest)}."
    least, most = min(group.seeds for group in solved), max(group.seeds for group in solved)
    every = "its one seed" if most == 1 else f"each of {_to(str(least), str(most))} seeds"
    iterations = _span(solved, "solved_iteration", lambda value: f"{value:,.0f}")
    numbers = f"{iterations} iterations, {_span(solved, 'solved_seconds', units.significant)} s"
    misses = f"; {_misses(rest)}" if rest else ""
    return f"{name} solves {task} at {_lengths(solved)} with {every}, in {numbers} ({goal}){misses}."


def _to(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _span(found: Sequence[Group], column: str, text: Callable[[float], str]) -> str:
    values = [float(value) for group in found for value in group.members[column]]
    return _to(text(min(values)), text(max(values)))


def _misses(found: Sequence[Group]) -> str:
    """What became of the lengths that not every seed solved, alike ones together."""
    alike: dict[str, list[Group]] = {}
    for group in found:
        solved = f"{group.solved} of {counted(group.seeds, 'seed')} solved it"
        alike.setdefault(f"{solved} and {group.below_baseline} ended below the baseline", []).append(group)
    return "; ".join(
        f"at {_lengths(groups)}, {words}, within {max(group.iterations for group in groups):,} iterations"
        for words, groups in alike.items()
    )


def _lengths(found: Sequence[Group]) -> str:
    *others, last = [str(group.place.length) for group in found]
    return f"T = {', '.join(others)} and {last}" if others else f"T = {last}"


def _seeds(study: Study) -> str:
    """How many seeds there are behind what is said."""
    counts = [group.seeds for group in study.groups if group.ended]
    runs, unfinished = len(study.logs.runs), sum(not group.ended for group in study.groups)
    if not counts:
        return f"{counted(runs, 'run')}, none of which has ended."
    least, most = min(counts), max(counts)
    seeds = counted(most, "seed") if least == most else f"{least} to {most} seeds"
    also = f"; of {unfinished} more, no run has ended" if unfinished else ""
    return f"{runs} runs: {seeds} for each of {len(counts)} settings{also}."
