"""Content -> one HTML file that needs nothing else, and the Markdown for pull requests.

Known weakness: the page is as large as its drawings, one to three megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis.appearance import look
from analysis.figures import FIGURES, name
from analysis.figures.style import GRID, INK, MUTED, PAPER
from analysis.report.content import Content
from analysis.report.drawings import Drawing, colourful, css_name
from analysis.report.tables import Table


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("analysis", "templates"),
        autoescape=lambda template: template is not None and ".html" in template,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell_md"] = _markdown_cell
    environment.filters["tight"] = tight
    return environment


def html(content: Content, drawings: Mapping[str, Mapping[str, Drawing]]) -> str:
    """The page, with style, script and the drawings of each section (by its anchor) inside."""
    models = sorted(colourful([one for part in content.sections for one in part.section.series]))
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            content=content,
            drawings=drawings,
            colours=[(css_name(model), look(model)) for model in models],
            series=_series(content),
            css_name=css_name,
            figures=[name(figure) for figure in FIGURES],
            name=name,
            roles={"ink": INK, "muted": MUTED, "grid": GRID, "card": PAPER},
        )
    )


def markdown(content: Content) -> str:
    """The report for a pull request or a summary of continuous integration."""
    return (
        _environment()
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


def table_md(table: Table) -> str:
    """A table in Markdown, notes in brackets."""
    lines = [
        "| " + " | ".join(_markdown_cell(heading) for heading, _ in table.headings) + " |",
        "|" + "|".join("---:" if numeric else "---" for _, numeric in table.headings) + "|",
    ]
    for row in table.rows:
        texts = [f"{cell.text} ({cell.note})" if cell.note else cell.text for cell in row]
        lines.append("| " + " | ".join(_markdown_cell(text) for text in texts) + " |")
    return "\n".join(lines)


# Within 'n = 64', '95 %', 'at n', 'beyond 1024' and '3.4 MiB'.
TOGETHER = re.compile(
    r" (?=[=%])|(?<==) |(?<=\bat) (?=n\b)|(?<=beyond) (?=\d)|(?<=below) (?=\d)|(?<=\d) (?=[nmµ]?s\b|[KMGT]?i?B\b)"
)


def tight(text: str) -> str:
    """The same text with unbreakable spaces where a line must not end."""
    return TOGETHER.sub("\u00a0", text)


def _markdown_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", ", ")
