"""One engine for all reports: a `Page` of sections is written as one HTML file and as Markdown, with its figures.

A report is data; nothing here knows what it is about:

    page = Page(
        "Benchmark report",
        "The uRNN against nn.LSTM",
        [
            Section("", [Answer(["It trains faster from n = 256 on."], [("Machine", "box")])]),
            Section("Figures", [Figure("figures/time", "Step time", "Median times.", draw_time, cells)]),
            Section(
                "Step times",
                [
                    Prose(("This measures it:", Code("python -m bench run"))),
                    Table(
                        "Step times",
                        [Column("Model"), Column("Time", units.seconds)],
                        [["nn.LSTM", Estimate(1e-3, 0.9e-3, 1.2e-3)], ["nn.GRU", None]],
                    ),
                ],
            ),
        ],
    )
    write_page(page, Path("reports/latest"), {"runs.csv": frame.to_csv})

The HTML needs no other file and makes no request. It is escaped by jinja2, the Markdown by `analysis.markdown`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.pages.atomic_folder import MARK, replacing_folder
from analysis.pages.blocks import (
    Answer,
    Block,
    Bullets,
    Cell,
    Code,
    Column,
    Details,
    Facts,
    Figure,
    Page,
    Prose,
    Section,
    Table,
    Tabs,
    between,
    folded,
    worst,
)
from analysis.pages.drawing import draw
from analysis.pages.html import html
from analysis.pages.markdown import markdown

__all__ = [
    "Answer",
    "Block",
    "Bullets",
    "Cell",
    "Code",
    "Column",
    "Details",
    "Facts",
    "Figure",
    "Page",
    "Prose",
    "Report",
    "Section",
    "Table",
    "Tabs",
    "between",
    "folded",
    "html",
    "markdown",
    "worst",
    "write_page",
]


@dataclass(frozen=True)
class Report:
    """Where the page is, and the sentences it opens with."""

    page: Path
    headlines: list[str]


def write_page(
    page: Page | Callable[[], Page],
    output: Path | str,
    files: Mapping[str, Callable[[Path], object]] | None = None,
) -> Report:
    """Write index.html, report.md, the figures and `files` (name -> what writes it) into the folder `output`.

    What was there is replaced as a whole, or left as it was. Raises AnalysisError where the folder cannot be
    written or holds something that is no report; a page that takes long to work out is given as a function, so
    that this is known before.
    """
    output = Path(output)
    with replacing_folder(output) as folder:
        page = page if isinstance(page, Page) else page()
        drawings = {figure.name: draw(figure, folder) for figure in page.figures}
        (folder / MARK).write_text(html(page, drawings), encoding="utf-8")
        (folder / "report.md").write_text(markdown(page), encoding="utf-8")
        for name, write in (files or {}).items():
            write(folder / name)
    return Report(output / MARK, page.headlines)
