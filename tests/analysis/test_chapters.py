"""Ladders and ceilings have their own sentences, figures and tables, and leave those of the models alone."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.pages.markdown import markdown
from analysis.report.page import page_of
from analysis.results import Results
from analysis.schema import tidy_frame
from tests.analysis.parsed import assert_it_reads_well, assert_it_stands_alone, section, sentences, table, texts

EFFICIENCY = "How near to what the machine can do"
LADDERS = "The ladders: what each step of optimisation gained"
URNN, LSTM = "Every rung of the uRNN ladder", "Every rung of the LSTM ladder"


def of(frame: pd.DataFrame):
    return page_of(Results(frame), "Title")


@pytest.fixture(scope="module")
def full(full_frame):
    """The page of the full frame."""
    return of(full_frame)


@pytest.mark.slow
def test_the_rest_of_the_report_is_the_same_with_and_without_them(full, full_frame):
    bare = of(full_frame[~full_frame["family"].isin(["ladder", "ceiling"])])
    assert full.headlines == bare.headlines
    assert full.series == bare.series
    trust = "What to know before trusting a figure"
    assert section(full, trust) == section(bare, trust)
    own = {URNN, LSTM, "Shares of a step's time in inference, at B = 32, T = 100"}
    assert [texts(one) for one in full.tables if one.title not in own] == [texts(one) for one in bare.tables]


def test_other_settings_are_compared_on_models_alone(row, ladder):
    rows = [row(), row(allocator="default", value=2.0), *ladder("urnn_ladder", {"op_by_op": 1.0})]
    rows += ladder("urnn_ladder", {"op_by_op": 9.0}, allocator="default")
    said = sentences(section(of(tidy_frame(rows)), "What to know before trusting a figure"))
    assert any(one.endswith("(median of 1 cell, 2.00 to 2.00).") for one in said)


def test_what_a_ladder_says_in_a_sentence(full):
    assert sentences(section(full, LADDERS)) == [
        "uRNN ladder at n = 128, B = 16, 1 layer, training: 'one kernel a sequence' is 41 times as fast as "
        "'op by op' (95 % interval 40 to 42).",
        "LSTM ladder at n = 128, B = 16, 1 layer, training: 'weight gradient batched' is 3.4 times as fast as "
        "'one product a gate' (95 % interval 3.3 to 3.5); nn.LSTM is 4.4 times as fast.",
    ]


def test_what_the_efficiency_says_in_a_sentence(full):
    assert sentences(section(full, EFFICIENCY)) == [
        "Inference of uRNN (fused kernel) at n = 512, B = 32, T = 100: of the time of a step, two Fourier "
        "transforms alone would take 70 % (95 % interval 68 % to 72 %) and writing the output alone would take "
        "4.0 % (95 % interval 3.9 % to 4.1 %)."
    ]


def test_a_ladders_table_has_every_rung_at_every_size_and_depth(full):
    urnn, lstm = table(full, URNN), table(full, LSTM)
    assert (len(urnn.rows), len(lstm.rows)) == (7 * 6, 9 * 6)
    rows = texts(urnn)
    assert rows[7][:6] == ["op by op", "64", "1", "4", "768 µs", ""]
    assert rows[9][:7] == ["dense W", "64", "1", "4", "128 µs", f"{chr(215)}4.0", f"{chr(215)}6.0"]
    largest = [row for row in urnn.cells if [cell.text for cell in row[1:4]] == ["512", "64", "4"]]
    assert [cell.text for cell in largest[2][4:7]] == ["not measured", "", ""]
    assert largest[3][5].note.endswith("over 'real pairs'")
    streams = next(row for row in lstm.cells if row[0].text == "two streams")
    assert (streams[4].text, streams[4].note) == ("not measured", "Streams are for CUDA.")


def test_the_efficiencys_table_names_every_backend_and_size(full):
    found = {
        (row[0], row[1]): row[2:]
        for row in texts(table(full, "Shares of a step's time in inference, at B = 32, T = 100"))
    }
    assert len(found) == 8
    assert found["uRNN (fused kernel)", "64"] == ["70 %", "4.0 %"]
    assert found["uRNN (eager reference)", "512"] == ["1.8 %", "0.10 %"]


@pytest.mark.slow
def test_what_was_not_measured_names_the_command(small_frame):
    page = of(small_frame)
    assert len(page.figures) == 6
    text = markdown(page)
    for command in (
        "python -m bench run --profile gpu",
        "python -m bench run --profile ladder",
        "python -m bench run",
    ):
        assert f"Not measured. This command measures it: `{command}`" in text


def test_a_ladder_without_its_first_rung_or_altogether_missing_says_so(ladder):
    page = of(tidy_frame(ladder("urnn_ladder", {"real_pairs": 1.0})))
    assert sentences(section(page, LADDERS)) == [
        "uRNN ladder: no rung was measured together with the first one, so no gain is known.",
        "LSTM ladder: not measured.",
    ]


@pytest.mark.slow
def test_the_build_of_the_kernel_is_a_fact_outside_every_measurement(full, small_frame):
    def fact(page) -> str:
        return dict(page.sections[0].blocks[0].facts)["Kernel build at first use"]

    assert fact(full) == "12.0 s, outside every measurement"
    assert fact(of(small_frame)) == "not measured (the kernel was cached, or its build was not recorded)"


def test_the_page_and_the_markdown_show_both_chapters(full_report, snapshot):
    page, text = ((full_report.page.parent / name).read_text() for name in ("index.html", "report.md"))
    for title in (
        "The ladder of the uRNN",
        "The ladder of the LSTM",
        "Efficiency: shares of what the machine can do",
    ):
        assert f"<h3>{title}</h3>" in page
        assert f"![{title}](figures/" in text
    names = {path.stem for path in (full_report.page.parent / "figures").glob("*.png")}
    assert {"efficiency", "ladder_urnn", "ladder_lstm"} < names
    assert_it_stands_alone(page)
    assert_it_reads_well(text)
    snapshot(text, "full_report.md")
