"""The experiments' page in a real browser: no overflow, no script error, wide and narrow, light and dark.

Known weakness: needs a Chromium on the machine and skips without one.
"""

from __future__ import annotations

import pytest

from analysis.experiments.report import FIGURES
from tests.analysis.browser import assert_it_fits, every_screen, look, needs_browser

pytestmark = [needs_browser, pytest.mark.slow]


@every_screen
def test_the_page_fits_and_fetches_nothing(small_report, tmp_path, width, dark):
    assert_it_fits(look(small_report.page, tmp_path, width, dark), width, dark, drawings=len(FIGURES))
