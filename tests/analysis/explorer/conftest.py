"""A page with the explorer alone, of two machines and three models, opened by a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.comparability import by_kind, choose
from analysis.pages import Details, EveryCell, Page, Section
from analysis.pages.html import html
from analysis.report.choice import looked_through
from analysis.report.measured import Measured
from analysis.schema import tidy_frame
from tests.analysis.browser import BROWSER
from tests.analysis.conftest import make_row

SIZES = (64, 128, 256, 512)
EXPONENTS = {"urnn": 0.4, "lstm": 1.0, "gru": 0.9}


def _rows(machine: str, factor: float) -> list[dict[str, Any]]:
    """Times with noise of processes and rounds, bytes without, and a ceiling; the GRU was too large for once."""
    random = np.random.default_rng(len(machine))
    at = {"machine": machine, "commit": ("b" if machine == "old" else "a") * 40}
    rows = []
    for model, power in EXPONENTS.items():
        for n in SIZES:
            for phase, length in (("train", 100), ("forward", 100), ("train", 50)):
                here = at | {"hidden_size": n, "phase": phase, "length": length}
                if (model, n, phase) == ("gru", 512, "forward"):
                    gone = {"outcome": "out of memory", "message": "3 GiB, <b>asked</b> for"}
                    rows.append(make_row(model, None, **here, **gone))
                    continue
                for number in (1, 2, 3):
                    process = 1e-5 * factor * (n / 64) ** power * random.lognormal(0, 0.03)
                    for round_number in (1, 2, 3, 4):
                        sample = process * random.lognormal(0, 0.01)
                        rows.append(make_row(model, sample, **here, **{"pass": number, "round": round_number}))
                for metric, each in (("peak_allocated", 4000.0), ("saved_for_backward", 100.0)):
                    rows.append(make_row(model, each * n * (1 + power), **here, metric=metric, unit="B"))
    for n in SIZES:
        for number in (1, 2, 3):
            part = 4e-6 * factor * (n / 64) ** 0.3 * random.lognormal(0, 0.01)
            rows.append(make_row("ceiling", part, **at, hidden_size=n, phase="forward", **{"pass": number}))
    return rows


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    return tidy_frame([*_rows("box", 1.0), *_rows("big box", 0.4)])


@pytest.fixture(scope="session")
def settings(frame: pd.DataFrame) -> list[Measured]:
    return [Measured.of(choice) for choice in choose(by_kind(frame))]


@pytest.fixture(scope="session")
def page_file(frame, settings, tmp_path_factory):
    """The page; its first setting is that of "big box"."""
    block = looked_through(settings, by_kind(frame), [])
    every = Details("Every measured cell (36)", [EveryCell(0)], "train 512")
    sections = [Section("Explore", [block]), Section("Every measurement", [every])]
    path = tmp_path_factory.mktemp("explorer") / "index.html"
    path.write_text(html(Page("Benchmark report", "A title", sections), {}), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, page_file) -> Iterator[Callable[..., Any]]:
    """Opens the page at a fragment; afterwards nothing was fetched and nothing complained."""
    contexts, faults = [], []

    def open_page(fragment: str = "", width: int = 1280, dark: bool = False, file=page_file) -> Any:
        scheme = "dark" if dark else "light"
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("console", lambda message: faults.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.startswith(("blob:", file.as_uri())) or faults.append(request.url),
        )
        page.goto(file.as_uri() + fragment)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
