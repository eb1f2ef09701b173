"""The experiments as a page, with the tidy logs beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import units
from analysis.experiments import costs, curves, tables
from analysis.experiments.claims import AGREE, DIFFER, NOT_RUN, accuracy, claims
from analysis.experiments.goals import NOT_RECORDED
from analysis.experiments.logs import Logs
from analysis.experiments.schema import LENGTH_SYMBOLS, TABLES, TASK_LABELS
from analysis.experiments.study import Study
from analysis.figures.style import series_in_order
from analysis.pages import Answer, Block, Bullets, Facts, Figure, Page, Prose, Section, folded, prose
from analysis.pages.writing import Report, write_page
from analysis.vocabulary import counted, duration

DEFAULT_TITLE = "What the uRNN learns, and how soon"
LISTED = {
    "Processor": "cpu",
    "Machine": "machine",
    "Device": "device",
    "Precision": "dtype",
    "Threads a run": "threads",
    "torch": "torch",
    "Python": "python",
    "Commit": "commit",
}
SPOKEN = ("urnn", "lstm")  # all other models are in the tables
SOLVABLE = {
    "copying": "copying memory",
    "adding": "adding",
    "parity": "parity",
    "modular_addition": "sums modulo 5",
    "words_s3": "words of S3",
    "words_a5": "words of A5",
    "selective_copying": "selective copying",
    "denoising": "denoising",
    "associative_recall": "associative recall",
}
PROSE = prose(__file__)
DRAW = {
    "learning_curves_over_iterations": partial(curves.draw, axis="iteration", quantity="loss"),
    "learning_curves_over_seconds": partial(curves.draw, axis="seconds", quantity="loss"),
    "score_over_seconds": partial(curves.draw, axis="seconds", quantity="score"),
    "time_to_solve": costs.draw_time_to_solve,
    "score_against_cost": costs.draw_score,
    "anatomy": curves.draw_inside,
}
FIGURES = [Figure(name, *PROSE["figures"][name], draw) for name, draw in DRAW.items()]


def write_report(
    logs: Logs, output: Path | str, measurements: pd.DataFrame | None = None, title: str = DEFAULT_TITLE
) -> Report:
    """Write the whole report into the folder `output`, or leave what was there as it was.

    The folder then holds index.html, report.md, figures/ and a file for each of the tables.
    `measurements` is the benchmark's tidy frame, from which step times and memory come. Raises AnalysisError where
    the folder cannot be written or holds something that is no report.
    """
    files = {
        f"{part}.csv": partial(getattr(logs, part).to_csv, index=False, float_format="%.8g") for part in TABLES
    }
    return write_page(lambda: page_of(Study(logs, measurements), title), output, files)


def page_of(study: Study, title: str = DEFAULT_TITLE) -> Page:
    """Everything the report says."""
    said, explain = claims(study), PROSE["explain"]
    left_out = [*study.logs.problems, *study.repeated]
    every = folded(tables.runs(study), "copying seed", page_only=True)
    sections = [
        Section("", [Answer(headlines(study, said), _facts(study))]),
        Section("The paper's statements", [Prose(explain["paper"]), tables.statements(said)]),
        Section("Figures", [row.of(study) for row in FIGURES]),
        Section("Results across seeds", [Prose(explain["results"]), tables.results(study)]),
        Section("What to know before trusting a figure", [*_cautions(study), every]),
        Section("How each figure was made", [Facts([*_goals(study), *PROSE["method"].items()])]),
        *([Section("Runs that were left out", [Bullets(left_out)], level=3)] if left_out else []),
    ]
    return Page("Experiments", title, sections, series_in_order(study.groups))


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
    symbol = LENGTH_SYMBOLS.get(found[0].task, "T")
    return f"{symbol} = {', '.join(others)} and {last}" if others else f"{symbol} = {last}"


def _seeds(study: Study) -> str:
    """How many seeds there are behind what is said."""
    ended = study.groups["ended"]
    counts, runs, unfinished = study.groups.loc[ended, "seeds"], len(study.logs.runs), sum(~ended)
    if counts.empty:
        return f"{counted(runs, 'run')}, none of which has ended."
    seeds = counted(counts.max(), "seed") if counts.nunique() == 1 else f"{_span(counts, str)} seeds"
    also = f"; of {unfinished} more, no run has ended" if unfinished else ""
    return f"{runs} runs: {seeds} for each of {len(counts)} settings{also}."


def _facts(study: Study) -> list[tuple[str, str]]:
    """Where, when and with what the runs were trained; what is not recorded is left out."""
    runs = study.logs.runs
    started = [time[:16].replace("T", " ") for time in sorted(runs["started_at"].dropna())]
    costs = "no benchmark results: times from iterations a second, memory not measured"
    if study.measurements is not None:
        costs = "from the benchmark where it measured the same step"
    found = [
        *((name, _listed(runs[column])) for name, column in LISTED.items()),
        ("Runs", f"{len(runs)}, seeds {_listed(runs['seed'].sort_values())}"),
        ("Training time", f"{duration(float(runs['seconds'].sum()))} in all"),
        ("Started", " to ".join(dict.fromkeys([*started[:1], *started[-1:]]))),
        ("Step times and memory", costs),
    ]
    return [(name, value) for name, value in found if value]


def _listed(column: pd.Series) -> str:
    return ", ".join(map(str, column.dropna().unique()))


def _cautions(study: Study) -> list[Block]:
    troubled = tables.troubled(study)
    number = counted(len(troubled.rows), "run")
    ends = f"{number} did not come to a regular end." if troubled.rows else "Every run came to a regular end."
    return [Bullets([*PROSE["explain"]["cautions"], ends]), *([troubled] if troubled.rows else [])]


def _goals(study: Study) -> list[tuple[str, str]]:
    """Each task, and what counts as solved there, as its runs say."""
    words = study.groups["goal"].map(
        lambda goal: f"The first evaluation on validation data with {goal}." if goal else f"{NOT_RECORDED}."
    )
    by_task = words.groupby(study.groups["task"], sort=False).unique()
    return [(f"Solved: {TASK_LABELS.get(task, task)}", " ".join(goals)) for task, goals in by_task.items()]
