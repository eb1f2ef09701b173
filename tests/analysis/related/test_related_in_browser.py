"""Both chapters with results, as a browser shows them."""

from __future__ import annotations

import pytest

from analysis.related import every_chapter
from analysis.related.engine.report import write_report
from analysis.related.engine.results import read
from tests.analysis.browser import assert_it_fits, every_screen, look, needs_browser
from tests.analysis.related import test_coverage, test_pruning
from tests.analysis.related.conftest import planned, write_plan, write_result

MADE = {"pruning": test_pruning, "coverage": test_coverage}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder, plan = tmp_path_factory.mktemp("related"), []
    for study, known in MADE.items():
        settings = {f"{kind}-seed0": one for kind, one in known.SETTINGS.items()}  # of jobs that are planned alone
        for name, tables in known.made().items():
            settings[name] = known.SETTINGS.get(name.partition("-")[0], {})
            write_result(folder, name, tables, place=study, settings=settings[name])
        plan += [planned(name, study=study, settings=one) for name, one in settings.items()]
    write_plan(folder, *plan)
    return write_report(read(folder, every_chapter()), every_chapter(), folder / "report")


@pytest.mark.slow
@needs_browser
@every_screen
def test_the_page_fits_and_fetches_nothing(report, tmp_path, width, dark):
    assert_it_fits(look(report.page, tmp_path, width, dark), width, dark, drawings=4)
