"""A rival stands as the fastest of its ways in each cell, and the page says which that is."""

from __future__ import annotations

import pytest

from analysis.figures import speed_up, style
from analysis.report.figures import FIGURES
from analysis.report.page import page_of
from analysis.results import Results
from analysis.schema import tidy_frame
from analysis.statistics import at_best, fastest, summarise
from tests.analysis.parsed import table

MEMORY = {"metric": "peak_allocated", "unit": "B"}
WITHOUT = "without oneDNN and cuDNN"


@pytest.fixture
def lstm(curve):
    """Rows of nn.LSTM over hidden sizes in both of its ways; keywords change the rows."""

    def rows(torch, native, **changes):
        first = {"backend": "torch", "backend_label": "as torch runs it", "place": 1}
        second = {"backend": "native", "backend_label": WITHOUT, "place": 2}
        return curve("lstm", torch, **(first | changes)) + curve("lstm", native, **(second | changes))

    return rows


def chosen(rows):
    """Hidden size and metric -> (backend, of how many ways, value)."""
    found = at_best(summarise(tidy_frame(rows)))
    assert not found.duplicated(["model", "phase", "hidden_size", "metric"]).any()
    return {(row.hidden_size, row.metric): (row.backend, row.ways, row.value) for row in found.itertuples()}


def test_each_cell_has_the_way_with_the_least_median_and_that_ways_memory(lstm):
    rows = lstm({64: [1.0, 2.0, 9.0], 128: 3.0, 256: 5.0}, {64: [0.5, 3.0, 3.0], 128: 1.0})
    rows += lstm({64: 100.0, 128: 100.0, 256: 100.0}, {64: 7.0, 128: 7.0}, **MEMORY)
    assert chosen(rows) == {
        (64, "step_time"): ("torch", 2, 2.0),
        (64, "peak_allocated"): ("torch", 2, 100.0),
        (128, "step_time"): ("native", 2, 1.0),
        (128, "peak_allocated"): ("native", 2, 7.0),
        (256, "step_time"): ("torch", 1, 5.0),
        (256, "peak_allocated"): ("torch", 1, 100.0),
    }


def test_of_equal_ways_it_is_the_first_in_the_registry_in_whatever_order_they_come(lstm):
    rows = lstm({64: 1.0}, {64: 1.0})
    assert chosen(rows) == chosen(rows[::-1]) == {(64, "step_time"): ("torch", 2, 1.0)}


def test_a_way_that_failed_is_not_chosen_and_where_all_did_the_first_says_why(lstm, row):
    gone = {"outcome": "out of memory", "message": "Too big."}
    only = [*lstm({}, {64: 9.0}), row("lstm", None, backend="torch", place=1, **gone)]
    assert chosen(only) == {(64, "step_time"): ("native", 1, 9.0)}
    none = [
        row("lstm", None, backend=way, place=place, **gone) for place, way in enumerate(("torch", "native"), 1)
    ]
    (cell,) = at_best(summarise(tidy_frame(none))).itertuples()
    assert (cell.backend, cell.ways, cell.outcome, cell.message) == ("torch", 0, "out of memory", "Too big.")


def test_a_way_in_a_graph_is_chosen_only_where_no_other_was_measured(curve, lstm):
    captured = curve("lstm", {64: 0.1, 128: 0.1}, backend="torch+graph", place=1)
    assert chosen(captured + lstm({64: 3.0}, {64: 2.0})) == {
        (64, "step_time"): ("native", 2, 2.0),
        (128, "step_time"): ("torch+graph", 1, 0.1),
    }


def test_models_phases_and_sizes_choose_for_themselves(curve, lstm):
    rows = lstm({64: 1.0}, {64: 2.0}, phase="train") + lstm({64: 2.0}, {64: 1.0}, phase="stream")
    found = at_best(summarise(tidy_frame(rows + curve("gru", {64: 9.0}))))
    assert set(found[["model", "phase", "backend"]].itertuples(index=False, name=None)) == {
        ("lstm", "train", "torch"),
        ("lstm", "stream", "native"),
        ("gru", "train", "torch"),
    }


def test_fastest_backend_is_judged_on_common_cells(curve):
    slow = curve("urnn", {64: 2.0, 128: 2.0})
    fast = curve("urnn", {128: 1.0, 256: 50.0}, backend="cpu")
    table = summarise(tidy_frame(slow + fast))
    assert fastest(table, "urnn") == "cpu"
    assert fastest(table, "lstm") is None
    apart = summarise(tidy_frame(slow + curve("urnn", {256: 50.0}, backend="cpu")))
    assert fastest(apart, "urnn") == "reference"


def test_a_backend_in_a_graph_speaks_only_where_there_is_no_other(curve):
    captured = curve("urnn", {64: 1.0, 128: 1.0}, backend="cuda+graph")
    assert fastest(summarise(tidy_frame(captured)), "urnn") == "cuda+graph"
    called = curve("urnn", {64: 2.0, 128: 2.0}, backend="cuda")
    assert fastest(summarise(tidy_frame(captured + called)), "urnn") == "cuda"


STREAM = {"phase": "stream", "length": 1, "batch": 1}


@pytest.fixture
def page(curve, lstm):
    """In training oneDNN wins, in streams from n = 128 on torch's own kernels do; GRU has one way."""
    rows = curve("urnn", {64: 1.0, 128: 1.0, 256: 1.0}, backend="cpu")
    rows += lstm({64: 2.0, 128: 3.0, 256: 4.0}, {64: 5.0, 128: 5.0, 256: 5.0})
    rows += curve("urnn", {64: 1.0, 128: 1.0, 256: 1.0}, backend="cpu", **STREAM)
    rows += lstm({64: 2.0, 128: 30.0, 256: 40.0}, {64: 3.0, 128: 0.5, 256: 0.5}, **STREAM)
    rows += curve("urnn", {64: 10.0, 128: 10.0}, backend="cpu", **MEMORY)
    rows += lstm({64: 20.0, 128: 30.0}, {64: 1.0, 128: 1.0}, **MEMORY)
    return page_of(Results(tidy_frame(rows + curve("gru", {64: 9.0, 128: 9.0, 256: 9.0}))), "Title")


def test_headlines_compare_with_the_fastest_way_and_name_it(page):
    train, inference, stream, memory, tally = page.headlines
    assert "trains faster than nn.LSTM (as torch runs it, its fastest way) at every size measured" in train
    assert train.endswith("it is 2.0 times as fast at n = 64 and 4.0 times as fast at n = 256.")
    assert inference.endswith("against nn.LSTM, inference time: not measured.")
    said = f"nn.LSTM (in its fastest way: {WITHOUT}, at n = 64 as torch runs it)"
    assert f"does not stream faster than {said} at n = 256" in stream
    assert "it is 2.0 times as fast at n = 64 and takes 2.0 times as long at n = 256" in stream
    assert "needs less memory to train than nn.LSTM (as torch runs it, its fastest way) at every size" in memory
    assert "trains faster than 2 of 2 baselines" in tally
    assert "less memory to train than 1 of 1 baselines" in tally


def test_a_table_has_the_fastest_way_and_every_way(page):
    found = {row[0].text: row for row in table(page, "When the uRNN is ahead, at equal hidden size").cells}
    assert list(found) == [
        "nn.LSTM, fastest way",
        "nn.LSTM (as torch runs it)",
        f"nn.LSTM ({WITHOUT})",
        "nn.GRU",
    ]
    train = 1
    assert found["nn.LSTM, fastest way"][train].note.endswith("n = 256\nas torch runs it, its fastest way")
    assert found[f"nn.LSTM ({WITHOUT})"][train].note.endswith("5.0 at n = 256")


def test_every_measured_cell_says_whether_it_is_compared(page):
    data = page.explorer.data
    (setting,) = data["settings"]
    cells = setting["cells"]
    places = zip(cells["series"], cells["point"], cells["hidden_size"], cells["compared"], strict=True)
    said = {
        (data["series"][series]["label"], setting["points"][point][0], n): compared == "1"
        for series, point, n, compared in places
    }
    assert said["uRNN (fused kernel)", "stream", 64]
    assert [said["nn.LSTM (as torch runs it)", "stream", n] for n in (64, 128, 256)] == [True, False, False]
    assert [said[f"nn.LSTM ({WITHOUT})", "stream", n] for n in (64, 128, 256)] == [False, True, True]


def test_a_way_alone_is_named_where_the_model_has_another_elsewhere(curve, lstm):
    rows = curve("urnn", {64: 1.0, 128: 1.0}) + lstm({64: 2.0, 128: 2.0}, {})
    rows += curve("urnn", {64: 1.0}, **STREAM) + lstm({64: 2.0}, {64: 1.5}, **STREAM)
    train = page_of(Results(tidy_frame(rows)), "Title").headlines[0]
    assert "trains faster than nn.LSTM (as torch runs it) at every size measured" in train


def test_where_the_only_other_way_is_in_a_graph_there_is_no_row_for_the_fastest(curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0}) + curve("lstm", {64: 2.0, 128: 2.0})
    rows += curve("lstm", {64: 0.5, 128: 0.5}, backend="torch+graph")
    found = table(page_of(Results(tidy_frame(rows)), "Title"), "When the uRNN is ahead, at equal hidden size")
    assert [row[0].text for row in found.cells] == ["nn.LSTM (torch)", "nn.LSTM (torch in a graph)"]


def test_a_heat_map_has_one_panel_a_model_of_its_fastest_way(curve, lstm):
    rows = curve("urnn", {64: 1.0, 128: 1.0}) + lstm({64: 2.0, 128: 9.0}, {64: 4.0, 128: 3.0})
    figure = speed_up.draw(summarise(tidy_frame(rows)))
    panels = [ax for ax in figure.axes if ax.get_title(loc="left").startswith("vs ")]
    assert [ax.get_title(loc="left") for ax in panels] == ["vs nn.LSTM"]
    assert [text.get_text() for text in panels[0].texts] == [f"{chr(215)}2.0", f"{chr(215)}3.0"]


def test_many_baselines_at_one_length_stand_in_one_panel_with_a_row_each(curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0})
    for number in range(9):
        rows += curve(f"model_{number}", {64: 0.5, 128: 3.0} if number else {128: 3.0})
    figure = speed_up.draw(summarise(tidy_frame(rows)))
    panel = figure.axes[0]
    assert [label.get_text() for label in panel.get_yticklabels()] == [f"vs model_{n}" for n in range(9)]
    assert [text.get_text() for text in panel.texts if "3.0" in text.get_text()] == [f"{chr(215)}3.0"] * 9
    assert [text.get_text() for text in panel.texts].count("÷2.0") == 8


def test_a_length_that_one_of_many_baselines_has_alone_makes_no_panels_of_one_row_each(curve):
    """The length that all share has its rows; the table of cells has the other."""
    rows = curve("urnn", {64: 1.0, 128: 1.0}) + curve("urnn", {64: 1.0}, length=50)
    rows += curve("lstm", {64: 5.0}, length=50)
    for number in range(9):
        rows += curve(f"model_{number}" if number else "lstm", {64: 2.0, 128: 3.0})
    figure = speed_up.draw(summarise(tidy_frame(rows)))
    assert len(figure.axes) == 2, "one panel and the colour bar"
    assert [text.get_text() for text in figure.axes[0].texts].count(f"{chr(215)}2.0") == 9


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("long", [1, 40, 90])
def test_a_legend_fits_its_figure_however_long_the_names_are(columns, long, curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0})
    for number in range(9):
        rows += curve(f"model_{number}", {64: 2.0, 128: 3.0}, label=f"{number}" * (long if number < 5 else 5))
    with style.applied():
        figure = FIGURES[0].draw(summarise(tidy_frame(rows)), columns)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert legend.get_window_extent().width <= figure.bbox.width or legend._ncols == 1
    assert len(legend.get_texts()) == 10
