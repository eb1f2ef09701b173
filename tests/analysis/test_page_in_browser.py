"""The report's page in a real browser: no overflow, no script error, working controls, wide and narrow, light and
dark.

Known weakness: needs a Chromium on the machine and skips without one.
"""

from __future__ import annotations

import pytest

from tests.analysis.browser import assert_it_fits, every_screen, look, needs_browser

pytestmark = [needs_browser, pytest.mark.slow]

CONTROLS = """
  const all = [...document.querySelectorAll("details")];
  const folded = all.find((one) => one.textContent.startsWith("Every measured"));
  folded.open = true;
  folded.dispatchEvent(new Event("toggle"));
  const table = folded.querySelector("table");
  const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.startsWith("Time per step"));
  const rows = () => [...table.tBodies[0].rows];
  const key = (row) => Number(row.cells[column].dataset.key.replace("inf", "Infinity"));
  const button = table.tHead.rows[0].cells[column].querySelector("button");
  button.click();
  found.up = rows().map(key).filter(Number.isFinite);
  button.click();
  found.down = rows().map(key).filter(Number.isFinite);
  found.sorted = table.tHead.rows[0].cells[column].getAttribute("aria-sort");
  document.querySelector(".chip").click();
  found.shown = [...new Set(rows().filter((row) => !row.hidden).map((row) => row.dataset.series))];
  found.chosen = document.querySelectorAll(".drawing .series.chosen").length;
"""


@every_screen
def test_the_page_fits_works_and_fetches_nothing(full_report, tmp_path, width, dark):
    found = look(full_report.page, tmp_path, width, dark, CONTROLS)
    assert_it_fits(found, width, dark, drawings=9)
    assert found["up"] == sorted(found["up"])
    assert found["down"] == sorted(found["up"], reverse=True)
    assert found["sorted"] == "descending"
    assert found["shown"] == ["urnn:cpu"]
    assert found["chosen"] > 20
