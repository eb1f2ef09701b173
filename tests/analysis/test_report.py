"""The report says what the data say, names what is missing, and stands alone."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from analysis.pages.markdown import markdown
from analysis.report.page import page_of, write_report
from analysis.results import Results
from analysis.schema import tidy_frame
from tests.analysis.parsed import (
    assert_it_reads_well,
    assert_it_stands_alone,
    section,
    sentences,
    table,
    texts,
)

TRUST = "What to know before trusting a figure"


@pytest.fixture(scope="module")
def report(small_frame, tmp_path_factory):
    """The small frame's report, written."""
    folder = tmp_path_factory.mktemp("reports")
    return write_report(Results(small_frame, ("bad.json: cut off.",), left_out=1), folder / "report", "A <title>")


@pytest.fixture
def written_of():
    """Rows -> the report's page."""
    return lambda rows: page_of(Results(tidy_frame(rows)), "Title")


def test_the_whole_markdown_of_a_small_report(report, snapshot):
    """A crossing, a loss, what is not measured, cells out of memory."""
    text = (report.page.parent / "report.md").read_text()
    snapshot(text, "small_report.md")
    assert_it_reads_well(text)
    assert all(sentence in text for sentence in report.headlines)
    assert "bad.json: cut off." in text


def test_the_page_begins_with_how_many_files_were_left_out(small_frame):
    """What is left of a damaged folder may say another thing; who reads the first lines alone has to know."""

    def first(*problems: str, left_out: int) -> str:
        page = page_of(Results(small_frame, problems, left_out), "Title")
        assert page.headlines[0].startswith("uRNN (eager reference) trains faster than nn.LSTM")
        return markdown(page).split("\n\n")[1]

    assert first("bad.json: cut off.", left_out=1) == (
        "1 file of results could not be used and was left out, so the conclusions below rest on the others "
        'alone; see "Files that were left out" at the end.'
    )
    two = "2 files of results could not be used and were left out, so the conclusions below "
    assert first("bad.json: cut off.", "worse.json: cut off.", left_out=2).startswith(two)
    labels = "models.json: cut off. Names stand in for its labels."
    assert first(labels, left_out=0).startswith("- uRNN (eager reference) trains faster")


def test_headlines_of_a_crossing_a_loss_and_what_is_not_measured(report):
    train, inference, stream, memory, _ = report.headlines
    assert train.startswith(
        "uRNN (eager reference) trains faster than nn.LSTM from n = 256 on, at B = 32, T = 100"
    )
    assert "takes 4.0 times as long at n = 64 and is 2.0 times as fast at n = 512" in inference
    assert stream.endswith("nn.LSTM, streaming latency: not measured.")
    assert "does not need less memory to train than nn.LSTM at n = 512, the largest size measured" in memory


def test_headline_of_a_noisy_crossover_has_its_interval(written_of, curve):
    noisy = [0.8, 0.9, 1.0, 1.1, 1.2]
    rows = curve("urnn", {n: [300 * x for x in noisy] for n in (64, 128, 256, 512, 1024)})
    rows += curve("lstm", {n: [n * x for x in noisy] for n in (64, 128, 256, 512, 1024)})
    assert re.match(
        r"uRNN \(eager reference\) trains faster than nn.LSTM from n = 300 on \(95 % interval 2\d0 to 3\d0\), at",
        written_of(rows).headlines[0],
    )


def test_headline_of_a_lead_everywhere_and_of_a_lead_that_is_lost(written_of, curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0, 256: 4.0}) + curve("lstm", {64: 2.0, 128: 2.0, 256: 2.0})
    assert written_of(rows).headlines[0] == (
        "uRNN (eager reference) does not train faster than nn.LSTM at n = 256, the largest size measured, "
        "at B = 32, T = 100: it is 2.0 times as fast at n = 64 and takes 2.0 times as long at n = 256. "
        "It is faster from n = 64 to 180, but not above that."
    )
    rows = curve("urnn", {64: 1.0, 128: 1.0}) + curve("lstm", {64: 2.0, 128: 3.0})
    assert written_of(rows).headlines[0] == (
        "uRNN (eager reference) trains faster than nn.LSTM at every size measured, n = 64 to 128, "
        "at B = 32, T = 100: it is 2.0 times as fast at n = 64 and 3.0 times as fast at n = 128."
    )


def test_headline_of_a_lead_that_is_within_noise_at_the_smallest_size(written_of, curve):
    noisy = (0.8, 0.9, 1.1, 1.2, 1.3)
    rows = curve("urnn", {n: [x * a for x in noisy] for n, a in ((64, 1.0), (128, 1.0))})
    rows += curve("lstm", {64: [1.1 * x for x in noisy], 128: [4 * x for x in noisy]})
    (said, *_) = written_of(rows).headlines
    assert "faster than nn.LSTM at every size measured, n = 64 to 128, by the medians (95 % interval" in said
    assert "it takes about as long at n = 64 and is 4.0 times as fast at n = 128" in said


def test_the_fastest_backend_speaks_and_every_backend_is_listed(written_of, curve):
    rows = curve("urnn", {64: 4.0, 128: 4.0}) + curve("urnn", {64: 1.0, 128: 1.0}, backend="cpu")
    page = written_of(rows + curve("lstm", {64: 2.0, 128: 2.0}))
    assert page.headlines[0].startswith("uRNN (fused kernel) trains faster than nn.LSTM at every size measured")
    assert [one.label for one in page.series] == ["uRNN (fused kernel)", "uRNN (eager reference)", "nn.LSTM"]


def test_without_the_urnn_or_without_baselines_or_anything_the_headline_says_so(written_of, curve):
    assert written_of(curve("lstm", {64: 1.0})).headlines == ["The uRNN was not measured."]
    only = written_of(curve("urnn", {64: 1.0})).headlines
    assert only == ["uRNN (eager reference): no baseline was measured to compare with."]
    assert written_of([]).headlines == ["Nothing was measured."]


def test_the_wider_field_has_a_section_of_its_own_beside_the_urnn_and_the_lstm(written_of, curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0}) + curve("urnn", {64: 9.0, 128: 9.0}, backend="cpu")
    rows += curve("lstm", {64: 2.0, 128: 2.0}) + curve("gru", {64: 2.0, 128: 2.0})
    rows += curve("urnn", {64: 1.0}, length=50) + curve("lstm", {64: 2.0}, length=50)
    usual = written_of(rows)
    rows += curve("lru", {64: 2.0, 128: 2.0}) + curve("lem", {64: 0.5, 128: 0.5}, backend="eager", label="LEM")
    page = written_of(rows)
    wider = section(page, "The wider field of rivals")
    assert "Loops over time in Python, which a kernel would shorten: LEM." in wider.blocks[0].text
    title = "When the uRNN is ahead{}, at equal hidden size"
    assert [row[0].text for row in table(page, title.format(" of the wider field")).cells] == ["lru", "LEM"]
    assert [row[0].text for row in table(page, title.format("")).cells] == ["nn.LSTM", "nn.GRU"]
    assert "trains faster than 3 of 4 baselines" in page.headlines[-1]
    figures = {one.name: one for one in page.figures}
    drawn = figures["figures/wider/step_time_over_hidden_size"].data
    assert set(drawn["model"] + ":" + drawn["backend"]) == {
        "urnn:reference",
        "lstm:torch",
        "lru:torch",
        "lem:eager",
    }
    assert set(figures["figures/step_time_over_hidden_size"].data["model"]) == {"urnn", "lstm", "gru"}
    assert "figures/wider/step_time_over_length" not in figures
    assert len({one.title for one in page.figures}) == len(page.figures)
    assert "The wider field of rivals" not in [one.title for one in usual.sections]


def test_of_a_long_table_of_exponents_the_last_rows_are_folded_away(written_of, curve):
    rows = [row for number in range(14) for row in curve(f"model_{number:02}", {64: 1.0, 128: 1.0, 256: 1.0})]
    page = written_of(rows + curve("urnn", {64: 1.0, 128: 1.0, 256: 1.0}))
    (_, shown, rest) = section(page, "How cost grows: exponents").blocks
    assert (len(shown.rows), rest.title, len(rest.blocks[0].rows)) == (12, "3 more: How cost grows: exponents", 3)


def test_allocator_and_agreement_are_measured_or_said_not_to_be(written_of, curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0})
    said = sentences(section(written_of(rows), TRUST))
    assert "Cost of the default allocator: not measured." in said
    assert "Agreement of the two harnesses: not measured." in said
    rows += curve("urnn", {64: 2.0, 128: 3.0}, allocator="default")
    rows += curve("urnn", {64: 1.1}, source="asv", dirty=None)
    said = sentences(section(written_of(rows), TRUST))
    assert "With the default allocator a call takes 2.50 times as long (median of 2 cells, 2.00 to 3.00)." in said
    assert "asv over pytest-benchmark on the same cells: times 1.10 (median of 1 cell, 1.10 to 1.10)." in said
    assert len(table(written_of(rows), "The two harnesses").rows) == 1


def test_cells_without_a_value_unstable_cells_and_missing_cells(written_of, curve, row):
    rows = curve("urnn", {64: [1.0, 2.0, 3.0], 128: 1.0}) + curve("lstm", {64: 1.0})
    rows.append(row("gru", None, outcome="killed", message="Stopped by the system."))
    page = written_of(rows)
    assert texts(table(page, "Cells without a value"))[0][-2:] == ["killed", "Stopped by the system."]
    assert texts(table(page, "Unstable cells"))[0][-1] == "rounds of one process spread by 50 %"
    assert "2 cells of the measured grid: not measured." in sentences(section(page, TRUST))


def test_cells_that_were_not_planned_are_said_to_be_and_are_neither_missing_nor_failed(written_of, curve, row):
    rows = curve("urnn", {64: 1.0, 128: 1.0}) + curve("lem", {64: 1.0})
    rows.append(row("lem", None, hidden_size=128, outcome="not planned", message="Loops have no cells at n > 64."))
    page = written_of(rows)
    said = sentences(section(page, TRUST))
    assert "Every planned cell was tried." in said
    assert "Not planned: 1 cell. Loops have no cells at n > 64." in said
    assert "Cells without a value: none." in said
    (setting,) = page.explorer.data["settings"]
    assert setting["outcomes"] == {"3": ["not planned", "Loops have no cells at n > 64."]}


def test_a_way_that_was_planned_for_streams_alone_is_not_missed_over_sequences(written_of, curve):
    stream = {"phase": "stream", "length": 1, "batch": 1}
    rows = curve("urnn", {64: 1.0, 128: 1.0}) + curve("lstm", {64: 1.0, 128: 1.0})
    rows += curve("urnn", {64: 1.0}, **stream) + curve("lstm", {64: 1.0}, **stream)
    rows += curve("lstm", {64: 1.0}, backend="native", **stream)
    assert "Every planned cell was tried." in sentences(section(written_of(rows), TRUST))


def test_of_many_unstable_cells_the_markdown_has_the_ten_worst(written_of, curve):
    page = written_of(curve("urnn", {n: [1.0, 2.0 + n / 1000, 3.0 + n / 500] for n in range(1, 31)}))
    assert section(page, "Unstable cells: 30")
    assert len(re.findall("rounds of one process spread", markdown(page))) == 10
    assert sum(len(one.rows) for one in page.tables if one.title == "Unstable cells") == 30
    spread = [re.search(r"by (\d+) %", row[-1])[1] for row in texts(table(page, "Unstable cells"))]
    assert spread == sorted(spread, key=int, reverse=True)


def test_first_calls_stand_apart(written_of, curve, row):
    rows = [*curve("urnn", {64: 0.01}), row(value=3.0, metric="first_call_time", unit="s per call")]
    assert texts(table(written_of(rows), "The first call"))[0][-3:-1] == ["3.00 s", "1.00 s"]


def test_exponents_name_their_range_where_it_is_not_the_usual_one(written_of, curve):
    rows = curve("urnn", {64: 1.0, 128: 2.0, 256: 4.0, 512: 8.0}) + curve("gru", {64: 1.0, 128: 4.0, 256: 16.0})
    rows += curve("lstm", {64: 1.0, 128: 1.0, 256: 1.0, 512: 1.0})
    found = table(written_of(rows), "How cost grows: exponents")
    assert found.columns[1].heading == "Training time in n, 64 to 512"
    assert [(row[1].text, row[1].note) for row in found.cells] == [
        ("1.00", "1.00 to 1.00"),
        ("0.00", "0.00 to 0.00"),
        ("2.00", "2.00 to 2.00\nover 64 to 256"),
    ]


@pytest.mark.slow
def test_several_machines_are_several_sections_with_figures_of_their_own(written_of, curve):
    page = written_of(curve("urnn", {64: 1.0, 128: 1.0}) + curve("urnn", {64: 1.0}, machine="other"))
    settings = [one.title for one in page.sections if one.level == 2]
    assert settings[:3] == [
        "Explore the measurements",
        "box, cpu, float32, 1 thread, allocator kept",
        "other, cpu, float32, 1 thread, allocator kept",
    ]
    assert {one.name.rpartition("/")[0] for one in page.figures} == {"figures", "figures/other-cpu-float32-1-kept"}


def test_the_folder_holds_everything(report, small_frame):
    folder = report.page.parent
    names = sorted(path.name for path in folder.iterdir())
    tables = ["measurements.csv", "measurements.parquet"]
    assert names == sorted([*tables, "figures", "index.html", "manifest.json", "report.md"])
    assert len(list((folder / "figures").glob("*.png"))) == len(list((folder / "figures").glob("*.svg"))) == 6
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "measurements.parquet"), small_frame)
    assert len(pd.read_csv(folder / "measurements.csv")) == len(small_frame)


def test_the_page_stands_alone(report):
    assert_it_stands_alone(report.page.read_text())


def test_the_same_results_give_the_same_page(report, small_frame, tmp_path):
    results = Results(small_frame, ("bad.json: cut off.",), left_out=1)
    again = write_report(results, tmp_path / "again", "A <title>")
    assert again.page.read_bytes() == report.page.read_bytes()
