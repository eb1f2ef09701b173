"""The report says what the data say, names what is missing, and stands alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from analysis.report import write_report
from analysis.report.content import gather
from analysis.results import Results
from analysis.schema import tidy_frame


@pytest.fixture(scope="module")
def report(small_frame, tmp_path_factory):
    """The small frame's report, written."""
    folder = tmp_path_factory.mktemp("reports")
    return write_report(Results(small_frame, ("bad.json: cut off.",)), folder / "report", "A <title>")


@pytest.fixture
def content_of():
    """Rows -> the report's content."""
    return lambda rows: gather(Results(tidy_frame(rows)), "Title")


@pytest.mark.slow
def test_headlines_of_a_crossing_a_loss_and_what_is_not_measured(report):
    assert report.headlines == [
        "uRNN (eager reference) trains faster than nn.LSTM from n = 256 on, at B = 32, T = 100: "
        "it takes 4.0 times as long at n = 64 and is 2.0 times as fast at n = 512.",
        "uRNN (eager reference) runs inference faster than nn.LSTM from n = 256 on, at B = 32, T = 100: "
        "it takes 4.0 times as long at n = 64 and is 2.0 times as fast at n = 512.",
        "uRNN (eager reference) against nn.LSTM, streaming latency: not measured.",
        "uRNN (eager reference) does not need less memory to train than nn.LSTM up to n = 512, the largest size "
        "measured, at B = 32, T = 100: it needs 4.0 times as much at n = 64 and 4.0 times as much at n = 512.",
        "At the largest size measured, uRNN (eager reference) trains faster than 1 of 2 baselines and needs less "
        "memory to train than 0 of 1 baselines, beyond the 95 % intervals.",
    ]


def test_headline_of_a_noisy_crossover_has_its_interval(content_of, curve):
    noisy = [0.8, 0.9, 1.0, 1.1, 1.2]
    rows = curve("urnn", {n: [300 * x for x in noisy] for n in (64, 128, 256, 512, 1024)})
    rows += curve("lstm", {n: [n * x for x in noisy] for n in (64, 128, 256, 512, 1024)})
    first = content_of(rows).headlines[0]
    assert re.match(
        r"uRNN \(eager reference\) trains faster than nn.LSTM from n = 300 on \(95 % interval 2\d0 to 3\d0\), at",
        first,
    )


@pytest.mark.slow
def test_headline_of_a_lead_everywhere_and_of_a_lead_that_is_lost(content_of, curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0, 256: 4.0}) + curve("lstm", {64: 2.0, 128: 2.0, 256: 2.0})
    assert content_of(rows).headlines[0] == (
        "uRNN (eager reference) does not train faster than nn.LSTM up to n = 256, the largest size measured, "
        "at B = 32, T = 100: it is 2.0 times as fast at n = 64 and takes 2.0 times as long at n = 256. "
        "It is ahead from n = 64 to 180 as well, but not beyond."
    )
    rows = curve("urnn", {64: 1.0, 128: 1.0}) + curve("lstm", {64: 2.0, 128: 3.0})
    assert content_of(rows).headlines[0] == (
        "uRNN (eager reference) trains faster than nn.LSTM at every size measured, n = 64 to 128, "
        "at B = 32, T = 100: it is 2.0 times as fast at n = 64 and 3.0 times as fast at n = 128."
    )


def test_the_fastest_backend_speaks_and_every_backend_is_listed(content_of, curve):
    rows = curve("urnn", {64: 4.0, 128: 4.0}) + curve("urnn", {64: 1.0, 128: 1.0}, backend="cpu")
    rows += curve("lstm", {64: 2.0, 128: 2.0})
    content = content_of(rows)
    assert content.headlines[0].startswith("uRNN (fused kernel) trains faster than nn.LSTM at every size measured")
    labels = {one.label for one in content.sections[0].section.series}
    assert labels == {"uRNN (eager reference)", "uRNN (fused kernel)", "nn.LSTM"}


def test_without_the_urnn_or_without_baselines_the_headline_says_so(content_of, curve):
    assert content_of(curve("lstm", {64: 1.0})).headlines == ["The uRNN was not measured."]
    only = content_of(curve("urnn", {64: 1.0})).headlines
    assert only == ["uRNN (eager reference): no baseline was measured to compare with."]


def test_allocator_and_agreement_are_measured_or_said_not_to_be(content_of, curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0})
    section = content_of(rows).sections[0]
    assert section.allocator == "What the default allocator costs: not measured."
    assert section.agreement == "Agreement of the two harnesses: not measured."
    rows += curve("urnn", {64: 2.0, 128: 3.0}, allocator="default") + curve(
        "urnn", {64: 1.1}, source="asv", dirty=None
    )
    section = content_of(rows).sections[0]
    assert section.allocator == (
        "With the default allocator a call takes 2.50 times as long (median of 2 cells, 2.00 to 3.00)."
    )
    assert section.agreement == (
        "asv over pytest-benchmark on the same cells: times 1.10 (median of 1 cells, 1.10 to 1.10)."
    )


@pytest.mark.slow
def test_cells_without_a_value_unstable_cells_and_missing_cells(content_of, curve, row):
    rows = curve("urnn", {64: [1.0, 2.0, 3.0], 128: 1.0}) + curve("lstm", {64: 1.0})
    rows.append(row("gru", None, outcome="killed", message="Stopped by the system."))
    section = content_of(rows).sections[0]
    assert [cell.text for cell in section.without_value.rows[0]][-2:] == ["killed", "Stopped by the system."]
    assert section.unstable.rows[0][-1].text == "rounds of one process spread by 50 %"
    assert section.missing == 2


def test_first_calls_stand_apart(content_of, curve, row):
    rows = [*curve("urnn", {64: 0.01}), row(value=3.0, metric="first_call_time", unit="s per call")]
    table = content_of(rows).sections[0].first_calls
    assert [cell.text for cell in table.rows[0]][-3:-1] == ["3.00 s", "1.00 s"]


@pytest.mark.slow
def test_exponents_name_their_range_where_it_is_not_the_usual_one(content_of, curve):
    rows = curve("urnn", {64: 1.0, 128: 2.0, 256: 4.0, 512: 8.0}) + curve("gru", {64: 1.0, 128: 4.0, 256: 16.0})
    table = content_of(rows + curve("lstm", {64: 1.0, 128: 1.0, 256: 1.0, 512: 1.0})).sections[0].scaling
    assert table.headings[1] == ("Training time in n, 64 to 512", True)
    assert [(row[1].text, row[1].note) for row in table.rows] == [
        ("1.00", "1.00 to 1.00"),
        ("0.00", "0.00 to 0.00"),
        ("2.00", "2.00 to 2.00\nover 64 to 256"),
    ]


def test_several_machines_are_several_sections(content_of, curve):
    content = content_of(curve("urnn", {64: 1.0, 128: 1.0}) + curve("urnn", {64: 1.0}, machine="other"))
    assert [part.section.setting.machine for part in content.sections] == ["box", "other"]
    assert [part.figure_folder for part in content.sections] == ["figures", "figures/other-cpu-float32-1-kept"]


def test_the_folder_holds_everything(report, small_frame):
    folder = report.page.parent
    names = sorted(path.name for path in folder.iterdir())
    tables = ["measurements.csv", "measurements.parquet"]
    assert names == sorted([*tables, "figures", "index.html", "manifest.json", "report.md"])
    assert len(list((folder / "figures").glob("*.png"))) == len(list((folder / "figures").glob("*.svg"))) == 6
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "measurements.parquet"), small_frame)
    assert len(pd.read_csv(folder / "measurements.csv")) == len(small_frame)


def test_the_markdown_has_the_headlines_and_no_stray_markup(report):
    text = (report.page.parent / "report.md").read_text()
    assert all(sentence in text for sentence in report.headlines)
    assert "![Step time over hidden size](figures/step_time_over_hidden_size.png)" in text
    assert "bad.json: cut off." in text
    assert "{{" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert tables
    assert all(line.endswith("|") for line in tables)


class Page(HTMLParser):
    """Collects what a browser would fetch, every id, and what is never closed."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "path", "use", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
                self.fetched.append(value)
            if name == "id":
                self.ids.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_fetches_nothing_and_its_references_exist(report):
    text = report.page.read_text()
    page = Page()
    page.feed(text)
    outside = [value for value in page.fetched if not value.startswith(("#", "data:"))]
    assert outside == []
    assert "http" not in text
    assert "@import" not in text
    assert len(page.ids) == len(set(page.ids))
    inside = {value[1:] for value in page.fetched if value.startswith("#")} | set(
        re.findall(r"url\(#([^)]+)\)", text)
    )
    assert inside
    assert inside <= set(page.ids)
    assert page.open == []


@pytest.mark.slow
def test_the_page_escapes_what_comes_from_files(content_of, row, curve, tmp_path):
    hostile = row("gru", None, outcome="failed", message="<script>alert(1)</script>", cpu="<b>")
    rows = [*curve("urnn", {64: 1.0}), hostile]
    page = write_report(Results(tidy_frame(rows), ("<i>.json",)), tmp_path / "report", "<u>").page.read_text()
    for text in ("<script>alert", "<b>", "<i>", "<u>"):
        assert text not in page


@pytest.mark.slow
def test_the_same_results_give_the_same_page(report, small_frame, tmp_path):
    again = write_report(Results(small_frame, ("bad.json: cut off.",)), tmp_path / "again", "A <title>")
    assert again.page.read_bytes() == report.page.read_bytes()
