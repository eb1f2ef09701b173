"""The sentences that the report opens with, made from the data and ready to say the opposite.

Known weakness: English only; the uRNN and the LSTM speak, all other models are in the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis import units
from analysis.experiments.claims import AGREE, DIFFER, NOT_RUN, Answer, accuracy, tally
from analysis.experiments.goals import NOT_RECORDED
from analysis.experiments.groups import Group
from analysis.experiments.schema import TASK_LABELS
from analysis.experiments.study import Study
from analysis.vocabulary import counted

SPOKEN = ("urnn", "lstm")
SOLVABLE = ("copying", "adding")
NAMES = {"copying": "copying memory", "adding": "adding"}


def headlines(study: Study, answers: Sequence[Answer]) -> list[str]:
    """What each speaking model does on each task that was run, then how the paper's statements fared."""
    sentences = []
    for task in TASK_LABELS:
        by_model = {model: _ended(study, task, model) for model in SPOKEN}
        if not any(by_model.values()):
            continue
        if task in SOLVABLE:
            sentences += [_solving(task, found) for found in by_model.values() if found]
        else:
            sentences.append(_scores(task, [group for found in by_model.values() for group in found]))
    if not sentences:
        sentences = ["No run of the uRNN or the LSTM has ended yet."]
    return [*sentences, _fared(answers), _seeds(study)]


def _ended(study: Study, task: str, model: str) -> list[Group]:
    found = [g for g in study.groups if g.ended and (g.place.task, g.model) == (task, model)]
    best = {g.place: g for g in sorted(found, key=lambda g: (g.seeds, int(g.fact("max_iterations"))))}
    return sorted(best.values(), key=lambda g: g.place.length)


def _solving(task: str, found: list[Group]) -> str:
    """'uRNN-128 solves copying memory at T = 100 and 200 with every seed (...); not at T = 500.'"""
    name = found[0].size
    goal = " or ".join(dict.fromkeys(group.goal or NOT_RECORDED for group in found))
    solved = [group for group in found if group.solved == group.seeds]
    rest = [group for group in found if group.solved < group.seeds]
    if not solved:
        return f"{name} does not solve {NAMES[task]} ({goal}): {_misses(rest)}."
    iterations = _span(solved, "solved_iteration", lambda value: f"{value:,.0f}")
    numbers = f"{iterations} iterations, {_span(solved, 'solved_seconds', units.significant)} s"
    lengths = _listed([str(group.place.length) for group in solved])
    sentence = f"{name} solves {NAMES[task]} at T = {lengths} with {_every(solved)}, in {numbers} ({goal})"
    return f"{sentence}; {_misses(rest)}." if rest else f"{sentence}."


def _every(found: Sequence[Group]) -> str:
    least, most = min(group.seeds for group in found), max(group.seeds for group in found)
    if most == 1:
        return "its one seed"
    return f"each of {most} seeds" if least == most else f"each of {least} to {most} seeds"


def _span(found: Sequence[Group], column: str, text: Callable[[float], str]) -> str:
    values = [float(value) for group in found for value in group.members[column]]
    low, high = text(min(values)), text(max(values))
    return low if low == high else f"{low} to {high}"


def _misses(found: Sequence[Group]) -> str:
    """What became of the lengths that not every seed solved, alike ones together."""
    alike: dict[str, list[Group]] = {}
    for group in found:
        alike.setdefault(
            f"{_of(group.solved, group)} and {group.below_baseline} ended below the baseline", []
        ).append(group)
    return "; ".join(
        f"at T = {_listed([str(group.place.length) for group in groups])}, {words}, within {_iterations(groups)}"
        for words, groups in alike.items()
    )


def _of(solved: int, group: Group) -> str:
    return f"{solved} of {counted(group.seeds, 'seed')} solved it"


def _iterations(found: Sequence[Group]) -> str:
    return f"{max(int(group.members['iterations'].max()) for group in found):,} iterations"


def _scores(task: str, found: Sequence[Group]) -> str:
    return f"{TASK_LABELS[task]}: {'; '.join(f'{group.size} {accuracy(group)}' for group in found)}."


def _fared(answers: Sequence[Answer]) -> str:
    counts = tally(answers)
    run = counts[AGREE] + counts[DIFFER]
    return (
        f"Of {len(answers)} statements of the paper, {run} were tested here: {counts[AGREE]} agree, "
        f"{counts[DIFFER]} differ; {counts[NOT_RUN]} were not run."
    )


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


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
