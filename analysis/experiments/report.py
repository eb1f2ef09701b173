"""The experiments as a page, with the tidy logs beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.experiments import costs, curves, lengths, pareto, probes, tables, tuning
from analysis.experiments.claims import claims, judged
from analysis.experiments.closing import closing
from analysis.experiments.equal import at_equal_parameters, at_equal_seconds
from analysis.experiments.goals import NOT_RECORDED
from analysis.experiments.headlines import headlines
from analysis.experiments.logs import Logs
from analysis.experiments.matrix import matrix
from analysis.experiments.schema import PROTOCOLS, TABLES, TASK_LABELS, seconds_of
from analysis.experiments.standing import standing
from analysis.experiments.study import Study
from analysis.experiments.verdicts import PLACE
from analysis.figures.style import series_in_order
from analysis.pages import Answer, Block, Bullets, Facts, Figure, Page, Prose, Section, folded, prose
from analysis.pages.statements import statements
from analysis.pages.writing import Report, write_page
from analysis.vocabulary import TUNING, counted, duration

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
PROSE = prose(__file__)
STATEMENTS = "The paper's statements"

Drawings = Mapping[str, Callable[..., Any]]

FAIR: Drawings = {
    "score_over_seconds": pareto.draw_seconds,
    "score_over_memory": pareto.draw_memory,
    "score_over_test_length": lengths.draw,
    "time_to_solve": costs.draw_time_to_solve,
    "learning_curves_over_seconds": partial(curves.draw, axis="seconds", quantity="loss"),
}
OF_THE_PAPER: Drawings = {
    "learning_curves_over_iterations": partial(curves.draw, axis="iteration", quantity="loss"),
    "anatomy": curves.draw_inside,
}


def _figures(drawings: Drawings) -> list[Figure]:
    return [Figure(name, *PROSE["figures"][name], draw) for name, draw in drawings.items()]


FIGURES = [*_figures(FAIR), *_figures(OF_THE_PAPER)]


def write_report(
    logs: Logs, output: Path | str, measurements: pd.DataFrame | None = None, title: str = DEFAULT_TITLE
) -> Report:
    """Write the whole report into the folder `output`, or leave what was there as it was.

    The folder then holds index.html, report.md, figures/ and a file for each of the tables.
    `measurements` is the benchmark's tidy frame, from which the memory of a step comes. Raises AnalysisError where
    the folder cannot be written or holds something that is no report.
    """
    parts = {**{f"{part}.csv": getattr(logs, part) for part in TABLES}, TUNING: logs.tuning}
    files = {name: partial(part.to_csv, index=False, float_format="%.8g") for name, part in parts.items()}
    return write_page(lambda: page_of(Study(logs, measurements), title), output, files)


def page_of(study: Study, title: str = DEFAULT_TITLE) -> Page:
    """Everything the report says."""
    fair, paper, explain = study.fair, study.from_the_paper, PROSE["explain"]
    stand, said, held = standing(fair), claims(paper), probes.held(fair)
    left_out = [*study.logs.problems, *study.repeated]
    every = folded(tables.runs(study), "copying seed", page_only=True)
    tried = study.logs.tuning
    ours, theirs = FIGURES[: len(FAIR)], FIGURES[len(FAIR) :]
    sections = [
        Section("", [Answer(headlines(study, stand, said), _facts(study))]),
        Section("Tasks and models", [Bullets([*explain["matrix"], _compared(study)]), matrix(stand)]),
        Section("At equal seconds", [Prose(explain["seconds"]), at_equal_seconds(fair, stand)]),
        Section("At about equal parameters", [Prose(explain["parameters"]), at_equal_parameters(stand)]),
        Section("Figures of the comparison", [row.of(fair) for row in ours]),
        *([Section("What the states hold of a word", [Prose(explain["probes"]), held])] if held.rows else []),
        Section("When to take which", [Prose(explain["closing"]), Facts(closing(fair, stand))]),
        Section(STATEMENTS, [Prose(explain["paper"]), statements(judged(said), STATEMENTS)]),
        Section("Figures of the paper's settings", [row.of(paper) for row in theirs]),
        Section("Results across seeds", [Prose(explain["results"]), tables.results(study)]),
        *([Section("What was tuned", [Prose(tuning.words(tried)), tuning.trials(tried)])] if len(tried) else []),
        Section("What to know before trusting a figure", [*_cautions(study), every]),
        Section("How each figure was made", [Facts([*_goals(study), *PROSE["method"].items()])]),
        *([Section("Runs that were left out", [Bullets(left_out)], level=3)] if left_out else []),
    ]
    return Page("Experiments", title, sections, series_in_order(study.groups))


def _facts(study: Study) -> list[tuple[str, str]]:
    """Where, when and with what the runs were trained; what is not recorded is left out."""
    runs = study.logs.runs
    started = [time[:16].replace("T", " ") for time in sorted(runs["started_at"].dropna())]
    memory = "no benchmark results" if study.measurements is None else "from the benchmark, of the same step"
    found = [
        *((name, _listed(runs[column])) for name, column in LISTED.items()),
        ("Runs", f"{len(runs)}, seeds {_listed(runs['seed'].sort_values())}"),
        ("Settings", ", ".join(_counts(runs["protocol"].map(PROTOCOLS)))),
        ("Training time", f"{duration(float(runs['seconds'].sum()))} in all"),
        ("Seconds are", " and ".join(_counts(runs["clock"].map(lambda clock: seconds_of([clock]))))),
        ("Started", " to ".join(dict.fromkeys([*started[:1], *started[-1:]]))),
        ("Peak memory", memory),
    ]
    return [(name, value) for name, value in found if value]


def _counts(column: pd.Series) -> list[str]:
    """'processor seconds', or, where there are several, 'processor seconds (12 runs)' and so on."""
    counts = column.value_counts(sort=False)
    return [
        str(name) if len(counts) == 1 else f"{name} ({counted(number, 'run')})" for name, number in counts.items()
    ]


def _compared(study: Study) -> str:
    """Which runs the matrix compares."""
    fair = study.fair.runs
    tuned = sum(rows["tuned"].all() for _, rows in fair.groupby(PLACE, sort=False))
    tasks = fair.drop_duplicates(PLACE).shape[0]
    words = {
        0: "No task has runs with tuned settings: all runs are compared.",
        tasks: "All runs compared are tuned.",
    }
    said = words.get(tuned, f"Of {tasks} tasks {tuned} have tuned runs, which alone are compared there.")
    aside = int(study.runs["aside"].sum())
    left = f" {counted(aside, 'run')} with another goal, machine or clock than most of a task are left out."
    left_aside = study.groups[study.groups["fair"] & ~study.groups["group"].isin(fair["group"])]
    where = "; ".join(left_aside["place"].unique())
    several = f" Where a model has several tuned settings ({where}), its best stand." * bool(len(left_aside))
    return f"{said}{several} Seconds are {seconds_of(fair['clock'])} of training.{left * bool(aside)}"


def _listed(column: pd.Series) -> str:
    return ", ".join(map(str, column.dropna().unique()))


def _cautions(study: Study) -> list[Block]:
    clocks = [PROSE["clocks"][clock] for clock in study.runs["clock"].unique()]
    troubled = tables.troubled(study)
    number = counted(len(troubled.rows), "run")
    ends = f"{number} did not come to a regular end." if troubled.rows else "Every run came to a regular end."
    return [Bullets([*clocks, *PROSE["explain"]["cautions"], ends]), *([troubled] if troubled.rows else [])]


def _goals(study: Study) -> list[tuple[str, str]]:
    """Each task, and what counts as solved there, as its runs say."""
    words = study.groups["goal"].map(
        lambda goal: f"The first evaluation on validation data with {goal}." if goal else f"{NOT_RECORDED}."
    )
    by_task = words.groupby(study.groups["task"], sort=False).unique()
    return [(f"Solved: {TASK_LABELS.get(task, task)}", " ".join(goals)) for task, goals in by_task.items()]
