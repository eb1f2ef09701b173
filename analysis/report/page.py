"""Content -> one HTML file that needs nothing else, and the Markdown for pull requests.

Known weakness: the page is as large as its drawings, one to three megabytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from analysis.figures import FIGURES, name
from analysis.report.content import Content
from analysis.report.drawings import Drawing, colourful
from analysis.report.markup import environment, frame, table_md


def html(content: Content, drawings: Mapping[str, Mapping[str, Drawing]]) -> str:
    """The page, with style, script and the drawings of each section (by its anchor) inside."""
    models = colourful([one for part in content.sections for one in part.section.series])
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            **frame(content.title, models, _series(content)),
            content=content,
            drawings=drawings,
            figures=[name(figure) for figure in FIGURES],
            name=name,
        )
    )


def markdown(content: Content) -> str:
    """The report for a pull request or a summary of continuous integration."""
    return (
        environment()
        .get_template("report.md.j2")
        .render(
            content=content,
            table_md=table_md,
            name=name,
            figures=[(name(figure), figure.TITLE, figure.CAPTION) for figure in FIGURES],
        )
    )


def _series(content: Content) -> list[tuple[str, str, str]]:
    """(model, identity, label) of every series in any section, in the order of legends."""
    found = {
        (one.model, f"{one.model}:{one.backend}"): one.label
        for part in content.sections
        for one in part.section.series
    }
    return [(model, identity, label) for (model, identity), label in found.items()]
