"""The report: a page, a Markdown file, figures and the tidy table, in one folder that is replaced as a whole."""

from __future__ import annotations

from pathlib import Path

from analysis.pages.writing import Report, write_page
from analysis.report.page import page_of
from analysis.results import Results

DEFAULT_TITLE = "The uRNN against LSTMs and dense orthogonal RNNs"


def write_report(results: Results, output: Path | str, title: str = DEFAULT_TITLE) -> Report:
    """Write the whole report into the folder `output`, or leave what was there as it was.

    The folder then holds index.html, report.md, measurements.csv, measurements.parquet and figures/. Raises
    AnalysisError where the folder cannot be written or holds something that is no report.
    """
    files = {
        "measurements.csv": lambda path: results.frame.to_csv(path, index=False),
        "measurements.parquet": lambda path: results.frame.to_parquet(path, index=False),
    }
    return write_page(lambda: page_of(results, title), output, files)
