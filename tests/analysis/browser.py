"""A page opened by a real browser, headless, in a frame of any width, light or dark: what a script finds in it.

Known weakness: a narrow screen is a frame of that width, because the browser's own window has a least width.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import NO_BROWSER

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--window-size=1600,2200",
)

needs_browser = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
every_screen = pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False), (390, True)])

# What every page is held to; a probe of a page adds to `found` what it has of its own.
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
  %s
  const answer = document.createElement("pre");
  answer.id = "probe";
  answer.textContent = JSON.stringify(found);
  (parent === window ? document : parent.document).body.append(answer);
});
</script>
"""


def look(page: Path, folder: Path, width: int, dark: bool, probe: str = "") -> dict:
    """What a copy of the page in `folder` finds in itself at that width; `probe` is a script that adds to it."""
    text = page.read_text().replace("<head>", f"<head>{WATCH}").replace("</body>", f"{PROBE % probe}</body>")
    (folder / "probed.html").write_text(text)
    frame = folder / "frame.html"
    frame.write_text(f'<iframe src="probed.html" style="width:{width}px;height:2000px;border:0"></iframe>')
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    command = [BROWSER, *OPTIONS, f"--user-data-dir={folder / 'profile'}", scheme, "--dump-dom", frame.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    answer = re.search(r'<pre id="probe">(.*?)</pre>', dom, flags=re.DOTALL)
    assert answer, f"the page did not finish loading; the browser gave: {dom[:300]}"
    return json.loads(html.unescape(answer[1]))


def assert_it_fits(found: dict, width: int, dark: bool, drawings: int) -> None:
    """No script error, nothing fetched, nothing wider than the screen, every drawing there, the right colours."""
    assert found["faults"] == []
    assert found["requests"] == []
    assert (found["client"], found["scroll"], found["outside"]) == (width, width, 0)
    assert found["drawings"] == drawings
    assert found["dark"] is dark
    assert found["paper"] == ("rgb(18, 21, 25)" if dark else "rgb(244, 245, 247)")
