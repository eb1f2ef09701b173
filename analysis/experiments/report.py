"""The report of the experiments: a page, a Markdown file, figures and tidy logs, in a folder replaced as a whole.

Known weakness: everything is drawn anew each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.appearance import Series
from analysis.experiments import tables
from analysis.experiments.claims import claims
from analysis.experiments.facts import facts
from analysis.experiments.figures import FIGURES
from analysis.experiments.goals import GOALS
from analysis.experiments.groups import cells, repeated
from analysis.experiments.headlines import headlines
from analysis.experiments.logs import Logs
from analysis.experiments.schema import TASK_LABELS
from analysis.experiments.study import Study
from analysis.figures import name
from analysis.figures.style import series_in_order
from analysis.pages.atomic_folder import MARK, replacing_folder
from analysis.report import Report
from analysis.report.drawings import Drawing, colourful, draw_figure
from analysis.report.markup import environment, frame, table_md
from analysis.report.tables import Table

DEFAULT_TITLE = "What the uRNN learns, and how soon"


@dataclass(frozen=True)
class Content:
    """What page and Markdown say, free of any markup."""

    title: str
    headlines: list[str]
    facts: list[tuple[str, str]]
    statements: Table
    results: Table
    runs: Table
    troubled: Table
    goals: list[tuple[str, str]]
    series: list[Series]
    problems: list[str]


def gather(study: Study, title: str = DEFAULT_TITLE) -> Content:
    """Work out everything the report says."""
    said = claims()
    answers = [claim.check(study) for claim in said]
    tasks = dict.fromkeys(place.task for place in study.places)
    return Content(
        title=title,
        headlines=headlines(study, answers),
        facts=facts(study),
        statements=tables.statements(said, answers),
        results=tables.results(study),
        runs=tables.runs(study),
        troubled=tables.troubled(study),
        goals=[(TASK_LABELS[task], GOALS[task].words) for task in tasks if task in GOALS],
        series=[Series(*triple) for triple in series_in_order(cells(study.groups))],
        problems=[*study.logs.problems, *repeated(study.logs)],
    )


def write_report(
    logs: Logs, output: Path | str, measurements: pd.DataFrame | None = None, title: str = DEFAULT_TITLE
) -> Report:
    """Write the whole report into the folder `output`, or leave what was there as it was.

    The folder then holds index.html, report.md, runs.csv, evaluations.csv, anatomy.csv and figures/.
    `measurements` is the benchmark's tidy frame, from which step times and memory come. Raises AnalysisError where
    the folder cannot be written or holds something that is no report.
    """
    output, study = Path(output), Study(logs, measurements)
    with replacing_folder(output) as folder:
        content = gather(study, title)
        figures = folder / "figures"
        figures.mkdir()
        models = colourful(content.series)
        drawings = {name(figure): draw_figure(figure, study, models, figures) for figure in FIGURES}
        (folder / MARK).write_text(html(content, drawings), encoding="utf-8")
        (folder / "report.md").write_text(markdown(content), encoding="utf-8")
        for part in ("runs", "evaluations", "anatomy"):
            getattr(logs, part).to_csv(folder / f"{part}.csv", index=False, float_format="%.8g")
    return Report(output / MARK, content.headlines)


def html(content: Content, drawings: Mapping[str, Drawing]) -> str:
    """The page, with style, script and drawings inside."""
    chips = [(one.model, f"{one.model}:{one.backend}", one.label) for one in content.series]
    shown = frame(content.title, colourful(content.series), chips)
    return environment().get_template("experiments.html.j2").render(**shown, content=content, drawings=drawings)


def markdown(content: Content) -> str:
    """The report for a pull request or a note."""
    figures = [(name(figure), figure.TITLE, figure.CAPTION) for figure in FIGURES]
    template = environment().get_template("experiments.md.j2")
    return template.render(content=content, table_md=table_md, figures=figures)
