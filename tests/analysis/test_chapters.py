"""Ladders and ceilings have their own sentences, figures and tables, and leave those of the models alone."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.report.content import gather
from analysis.report.page import markdown
from analysis.results import Results
from analysis.schema import tidy_frame


def section_of(frame: pd.DataFrame):
    return gather(Results(frame), "Title").sections[0]


@pytest.fixture(scope="module")
def full(full_frame):
    """The section of the full frame."""
    return section_of(full_frame)


@pytest.fixture(scope="module")
def chapters(full):
    """Its chapters by name."""
    return {chapter.name: chapter for chapter in full.chapters}


@pytest.mark.slow
def test_the_rest_of_the_report_is_the_same_with_and_without_them(full, full_frame):
    bare = section_of(full_frame[~full_frame["family"].isin(["ladder", "ceiling"])])
    assert full.headlines == bare.headlines
    assert full.section.series == bare.section.series
    assert full.section.focuses == bare.section.focuses
    assert (full.missing, full.repetitions) == (bare.missing, bare.repetitions)
    for name in ("measurements", "scaling", "unstable", "without_value", "first_calls", "verdicts"):
        assert getattr(full, name) == getattr(bare, name)


def test_other_settings_are_compared_on_models_alone(row, ladder):
    rows = [row(), row(allocator="default", value=2.0), *ladder("urnn_ladder", {"op_by_op": 1.0})]
    rows += ladder("urnn_ladder", {"op_by_op": 9.0}, allocator="default")
    assert section_of(tidy_frame(rows)).allocator.endswith("(median of 1 cells, 2.00 to 2.00).")


def test_what_a_ladder_says_in_a_sentence(chapters):
    assert chapters["ladder"].sentences == [
        "uRNN ladder at n = 128, B = 16, 1 layer, training: 'one kernel a sequence' is 41 times as fast as "
        "'op by op' (95 % interval 40 to 42).",
        "LSTM ladder at n = 128, B = 16, 1 layer, training: 'weight gradient batched' is 3.4 times as fast as "
        "'one product a gate' (95 % interval 3.3 to 3.5); nn.LSTM is 4.4 times as fast.",
    ]


def test_what_the_efficiency_says_in_a_sentence(chapters):
    assert chapters["efficiency"].sentences == [
        "Inference of uRNN (fused kernel) at n = 512, B = 32, T = 100: of the time of a step, two Fourier "
        "transforms alone would take 70 % (95 % interval 68 % to 72 %) and writing the output alone would take "
        "4.0 % (95 % interval 3.9 % to 4.1 %)."
    ]


def test_a_ladders_table_has_every_rung_at_every_size_and_depth(chapters):
    urnn, lstm = chapters["ladder"].tables
    assert (len(urnn.rows), len(lstm.rows)) == (7 * 6, 9 * 6)
    texts = [[cell.text for cell in row] for row in urnn.rows]
    assert texts[7][:6] == ["op by op", "64", "1", "4", "768 µs", ""]
    assert texts[9][:7] == ["dense W", "64", "1", "4", "128 µs", f"{chr(215)}4.0", f"{chr(215)}6.0"]
    largest = [row for row in urnn.rows if [cell.text for cell in row[1:4]] == ["512", "64", "4"]]
    assert [cell.text for cell in largest[2][4:7]] == ["not measured", "", ""]
    assert largest[3][5].note.endswith("over 'real pairs'")
    streams = next(row for row in lstm.rows if row[0].text == "two streams")
    assert (streams[4].text, streams[4].note) == ("not measured", "Streams are for CUDA.")


def test_the_efficiencys_table_names_every_backend_and_size(chapters):
    (table,) = chapters["efficiency"].tables
    found = {(row[0].text, row[1].text): [cell.text for cell in row[2:]] for row in table.rows}
    assert len(found) == 8
    assert found["uRNN (fused kernel)", "64"] == ["70 %", "4.0 %"]
    assert found["uRNN (eager reference)", "512"] == ["1.8 %", "0.10 %"]
    assert table.name == "Shares of a step's time in inference, at B = 32, T = 100"


@pytest.mark.slow
def test_what_was_not_measured_names_the_command(small_frame):
    content = gather(Results(small_frame), "Title")
    assert [(chapter.measured, chapter.figures) for chapter in content.sections[0].chapters] == [(False, [])] * 3
    text = markdown(content)
    assert "Not measured. This measures it: `python -m bench run --profile gpu`" in text
    assert "Not measured. This measures it: `python -m bench run --profile ladder`" in text
    assert "Not measured. This measures it: `python -m bench run`" in text


def test_a_ladder_without_its_first_rung_or_altogether_missing_says_so(ladder):
    chapter = section_of(tidy_frame(ladder("urnn_ladder", {"real_pairs": 1.0}))).chapters[1]
    assert chapter.sentences == [
        "uRNN ladder: no rung was measured beside the first one, so that no gain is known.",
        "LSTM ladder: not measured.",
    ]


def test_the_build_of_the_kernel_is_a_fact_outside_every_measurement(full, small_frame):
    assert dict(full.facts)["Kernel build at first use"] == "12.0 s, outside every measurement"
    assert dict(section_of(small_frame).facts)["Kernel build at first use"] == (
        "not measured (the kernel was cached, or its build not recorded)"
    )


@pytest.mark.slow
def test_the_page_and_the_markdown_show_both_chapters(full_report):
    page, text = ((full_report.page.parent / name).read_text() for name in ("index.html", "report.md"))
    for title in (
        "The ladder of the uRNN",
        "The ladder of the LSTM",
        "Efficiency: shares of what the machine can do",
    ):
        assert f"<h3>{title}</h3>" in page
        assert f"![{title}](figures/" in text
    assert "#### Every rung of the LSTM ladder" in text
    names = {path.stem for path in (full_report.page.parent / "figures").glob("*.png")}
    assert {"efficiency", "ladder_urnn", "ladder_lstm"} < names
