"""The page in a real browser: no overflow, no script error, working controls, wide and narrow, light and dark.

Known weakness: needs a Chromium on the machine and skips without one; a narrow screen is a frame of that width,
because the browser's own window has a least width.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no chromium, chromium-browser or google-chrome is installed"
)

# Runs in the page after it has loaded; what it finds is written where --dump-dom shows it.
WATCH = "<script>window.faults = []; window.onerror = (text) => { window.faults.push(String(text)); };</script>"
PROBE = """
<script>
addEventListener("load", () => {
  const root = document.documentElement;
  const visible = (element) => getComputedStyle(element).display !== "none";
  const texts = [...document.querySelectorAll(".drawing")].filter(visible)
    .flatMap((drawing) => [...drawing.querySelectorAll("svg text")].map((text) => text.getBoundingClientRect()));
  const found = {
    faults: window.faults,
    client: root.clientWidth,
    scroll: root.scrollWidth,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    paper: getComputedStyle(document.body).backgroundColor,
    drawings: [...document.querySelectorAll(".drawing")].filter(visible).length,
    outside: texts.filter((box) => box.left < -1 || box.right > root.clientWidth + 1).length,
    requests: performance.getEntriesByType("resource").map((entry) => entry.name),
  };
  const table = document.querySelector(".all table");
  document.querySelector(".all").open = true;
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
  const answer = document.createElement("pre");
  answer.id = "probe";
  answer.textContent = JSON.stringify(found);
  (parent === window ? document : parent.document).body.append(answer);
});
</script>
"""


@pytest.fixture(scope="module")
def probed(full_report, tmp_path_factory):
    """A folder with a copy of the page that looks at itself."""
    folder = tmp_path_factory.mktemp("page")
    text = full_report.page.read_text()
    text = text.replace("<head>", f"<head>{WATCH}").replace("</body>", f"{PROBE}</body>")
    (folder / "probed.html").write_text(text)
    return folder


@pytest.fixture
def probe(probed, tmp_path):
    """Width in pixels and colour scheme -> what the probe found in the page."""

    def run(width: int, dark: bool) -> dict:
        frame = probed / "frame.html"
        frame.write_text(f'<iframe src="probed.html" style="width:{width}px;height:2000px;border:0"></iframe>')
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--hide-scrollbars",
        ]
        options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        options += [
            "--allow-file-access-from-files",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=1600,2200",
        ]
        options += [f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--dump-dom", frame.as_uri()]
        dom = subprocess.run([BROWSER, *options], capture_output=True, text=True, timeout=120, check=True).stdout
        answer = re.search(r'<pre id="probe">(.*?)</pre>', dom, flags=re.DOTALL)
        assert answer, f"the page did not finish loading; the browser gave: {dom[:300]}"
        return json.loads(html.unescape(answer[1]))

    return run


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_works_and_fetches_nothing(probe, width, dark):
    found = probe(width, dark)
    assert found["faults"] == []
    assert found["requests"] == []
    assert found["client"] == width
    assert found["scroll"] == width
    assert found["outside"] == 0
    assert found["drawings"] == 9
    assert found["dark"] is dark
    assert found["paper"] == ("rgb(18, 21, 25)" if dark else "rgb(244, 245, 247)")
    assert found["up"] == sorted(found["up"])
    assert found["down"] == sorted(found["up"], reverse=True)
    assert found["sorted"] == "descending"
    assert found["shown"] == ["urnn:cpu"]
    assert found["chosen"] > 20
