"""The experiments as a page, with the tidy logs beside it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd

from analysis.experiments import costs, curves, tables
from analysis.experiments.claims import claims
from analysis.experiments.goals import NOT_RECORDED
from analysis.experiments.headlines import headlines
from analysis.experiments.logs import Logs
from analysis.experiments.schema import TABLES, TASK_LABELS
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

    The folder then holds index.html, report.md, runs.csv, evaluations.csv, anatomy.csv and figures/.
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
