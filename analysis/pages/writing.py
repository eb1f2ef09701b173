"""One engine for all reports: a page -> one HTML file and Markdown, with its figures, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.pages import Page
from analysis.pages.atomic_folder import MARK, replacing_folder
from analysis.pages.drawing import draw
from analysis.pages.html import html
from analysis.pages.markdown import markdown


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
