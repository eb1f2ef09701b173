"""Both chapters with results, as a browser shows them."""

from __future__ import annotations

import pytest

from analysis.related import every_chapter
from analysis.related.engine.report import write_report
from analysis.related.engine.results import read
from tests.analysis.browser import assert_it_fits, every_screen, look, needs_browser
from tests.analysis.related import test_coverage, test_pruning
from tests.analysis.related.conftest import planned, write_plan, write_result

MADE = {"pruning": test_pruning.made(), "coverage": test_coverage.made()}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("related")
    for study, jobs in MADE.items():
        for name, tables in jobs.items():
            write_result(folder, name, tables, place=study)
    write_plan(folder, *(planned(name, study=study) for study, jobs in MADE.items() for name in jobs))
    return write_report(read(folder, every_chapter()), every_chapter(), folder / "report")


@pytest.mark.slow
@needs_browser
@every_screen
def test_the_page_fits_and_fetches_nothing(report, tmp_path, width, dark):
    assert_it_fits(look(report.page, tmp_path, width, dark), width, dark, drawings=4)
