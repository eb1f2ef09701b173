"""The report: a page, a Markdown file, figures and the tidy table, in one folder that is replaced as a whole.

Known weakness: everything is drawn anew each time, about half a minute for a full grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.pages.atomic_folder import MARK, replacing_folder
from analysis.report.content import gather
from analysis.report.drawings import draw
from analysis.report.page import html, markdown
from analysis.results import Results

DEFAULT_TITLE = "The uRNN against LSTMs and dense orthogonal RNNs"


@dataclass(frozen=True)
class Report:
    """Where the page is, and the sentences it opens with."""

    page: Path
    headlines: list[str]


def write_report(results: Results, output: Path | str, title: str = DEFAULT_TITLE) -> Report:
    """Write the whole report into the folder `output`, or leave what was there as it was.

    The folder then holds index.html, report.md, measurements.csv, measurements.parquet and figures/. Raises
    AnalysisError where the folder cannot be written or holds something that is no report.
    """
    output = Path(output)
    with replacing_folder(output) as folder:
        content = gather(results, title)
        drawings = {
            part.anchor: draw(part.section, part.chapters, folder / part.figure_folder)
            for part in content.sections
        }
        (folder / MARK).write_text(html(content, drawings), encoding="utf-8")
        (folder / "report.md").write_text(markdown(content), encoding="utf-8")
        results.frame.to_csv(folder / "measurements.csv", index=False)
        results.frame.to_parquet(folder / "measurements.parquet", index=False)
    return Report(output / MARK, content.headlines)
