"""What every page of reports is made with: templates, tables in Markdown, and lines that end in the right places.

Why: the benchmark's report and that of the experiments must look and wrap alike. Known weakness: where a line
must not end is known for the words of these reports alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis.appearance import look
from analysis.figures.style import GRID, INK, MUTED, PAPER
from analysis.markdown import markdown_cell, markdown_code, markdown_text
from analysis.report.drawings import css_name
from analysis.report.tables import Table


def environment() -> Environment:
    """The package's templates: HTML is escaped, an unknown name is an error."""
    environment = Environment(
        loader=PackageLoader("analysis", "templates"),
        autoescape=lambda template: template is not None and ".html" in template,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell_md"] = markdown_cell
    environment.filters["md"] = markdown_text
    environment.filters["code_md"] = markdown_code
    environment.filters["tight"] = tight
    return environment


def frame(title: str, models: Sequence[str], series: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """What the base template needs: the title, coloured models, and (model, identity, label) of each series."""
    return {
        "title": title,
        "colours": [(css_name(model), look(model)) for model in sorted(models)],
        "series": series,
        "css_name": css_name,
        "roles": {"ink": INK, "muted": MUTED, "grid": GRID, "card": PAPER},
    }


def table_md(table: Table) -> str:
    """A table in Markdown, notes in brackets."""
    lines = [
        "| " + " | ".join(markdown_cell(heading) for heading, _ in table.headings) + " |",
        "|" + "|".join("---:" if numeric else "---" for _, numeric in table.headings) + "|",
    ]
    for row in table.rows:
        texts = [f"{cell.text} ({cell.note})" if cell.note else cell.text for cell in row]
        lines.append("| " + " | ".join(markdown_cell(text) for text in texts) + " |")
    return "\n".join(lines)


# Within 'n = 64', '95 %', 'at n', 'beyond 1024' and '3.4 MiB'.
TOGETHER = re.compile(
    r" (?=[=%])|(?<==) |(?<=\bat) (?=n\b)|(?<=beyond) (?=\d)|(?<=below) (?=\d)|(?<=\d) (?=[nmµ]?s\b|[KMGT]?i?B\b)"
)


def tight(text: str) -> str:
    """The same text with unbreakable spaces where a line must not end."""
    return TOGETHER.sub("\u00a0", text)
