"""Every figure draws what there is, says what there is not, and has units on its axes."""

from __future__ import annotations

from operator import attrgetter

import pytest

from analysis.figures import style
from analysis.report.figures import EFFICIENCY, FIGURES, LADDERS
from analysis.schema import tidy_frame
from analysis.statistics import summarise
from analysis.vocabulary import PEAK_ALLOCATED, STEP_TIME

pytestmark = pytest.mark.slow

named = attrgetter("name")


def texts(figure):
    """Everything written in a figure."""
    figure.draw_without_rendering()
    found = [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]
    return [text for text in found if text]


@pytest.mark.parametrize("figure", FIGURES, ids=named)
@pytest.mark.parametrize("columns", [1, 3])
def test_every_figure_draws_a_small_grid(figure, columns, small_frame):
    with style.applied():
        written = " ".join(texts(figure.draw(summarise(small_frame), columns)))
    assert "uRNN" in written
    assert "not measured" not in written or figure is FIGURES[0]


@pytest.mark.parametrize("figure", FIGURES, ids=named)
def test_a_figure_without_data_says_so(figure, row):
    nothing = summarise(tidy_frame([row(value=None, outcome="failed", message="No.")]))
    assert "not measured" in texts(figure.draw(nothing))


def test_units_sizes_and_what_is_held_fixed_are_written(small_frame):
    written = texts(FIGURES[0].draw(summarise(small_frame)))
    assert {"64", "128", "256", "512", "hidden units n", "time per time step", "100 µs"} <= set(written)
    assert "B = 32, T = 100" in written
    assert "out of memory" in written


TIMES = [(1e-5, 3e-3), (3.6e-4, 9.2e-4), (1e-9, 10.0), (1.9e-4, 2.1e-4), (1e-4, 1e-4), (0.0, 2.0)]
BYTES = [(1e6, 3e9), (3.4e6, 2e7), (2**20, 1.3 * 2**20), (100, 2**50), (2**20, 2**20)]


@pytest.mark.parametrize(
    ("metric", "values"), [*((STEP_TIME, pair) for pair in TIMES), *((PEAK_ALLOCATED, pair) for pair in BYTES)]
)
def test_a_logarithmic_axis_has_ticks_at_round_values_neither_few_nor_crowded(metric, values):
    with style.applied():
        figure, (ax,) = style.panels(1, 1, style.NARROW)
        style.value_axis(ax, metric, values)
        figure.draw_without_rendering()
    low, high = ax.get_ylim()
    labels = [label.get_text() for label in ax.get_yticklabels() if low <= label.get_position()[1] <= high]
    assert 2 <= len(labels) <= 12
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 11


def test_one_colour_a_model_in_every_figure(small_frame):
    cells = summarise(small_frame)
    colours = {
        line.get_color()
        for figure in FIGURES
        for line in figure.draw(cells).findobj(match=lambda artist: hasattr(artist, "get_linestyle"))
        if (line.get_gid() or "").partition(":")[2].partition(":")[2].startswith("urnn:")
        and hasattr(line, "get_color")
        if isinstance(line.get_color(), str)
    }
    assert colours == {"#f46804"}


def test_several_backends_of_one_model_share_its_colour_and_differ_in_line(curve):
    rows = curve("urnn", {64: 1.0, 128: 1.0}) + curve("urnn", {64: 0.5, 128: 0.5}, backend="cpu")
    cells = summarise(tidy_frame(rows))
    numbers = style.backend_numbers(cells)
    first, second = (style.line_style(*series) for series in zip(("urnn", "urnn"), numbers.values(), strict=True))
    assert first["color"] == second["color"]
    assert first["linestyle"] != second["linestyle"]
    assert [label for _, _, label in style.series_in_order(cells)] == [
        "uRNN (fused kernel)",
        "uRNN (eager reference)",
    ]


@pytest.mark.parametrize("figure", [EFFICIENCY, *LADDERS.values()], ids=named)
def test_a_chapters_figure_without_data_says_so(figure, small_frame):
    assert "not measured" in texts(figure.draw(summarise(small_frame)))


def test_the_efficiency_has_a_panel_a_ceiling_and_a_line_at_100_per_cent(full_frame):
    figure = EFFICIENCY.draw(summarise(full_frame))
    assert [ax.get_title(loc="left").strip() for ax in figure.axes] == [
        "Two Fourier transforms alone",
        "Writing the output alone",
    ]
    for ax in figure.axes:
        assert any(set(line.get_ydata()) == {1} for line in ax.lines)
    written = texts(figure)
    assert {"the ceiling", "100 %", "uRNN (fused kernel)", "uRNN (eager reference)"} <= set(written)
    assert "not measured" not in written


def test_a_ladder_has_a_factor_or_a_word_for_every_rung_size_and_depth(full_frame):
    figure = LADDERS["lstm_ladder"].draw(summarise(full_frame))
    written = texts(figure)
    assert [ax.get_title(loc="left").strip() for ax in figure.axes] == [
        f"n = {n}, B = {batch}" for _ in (1, 4) for n, batch in ((64, 1), (128, 16), (512, 64))
    ]
    assert {"T = 100, 1 layer", "T = 100, 4 layers", "Training step", "Inference", "gates grouped"} <= set(written)
    assert written.count(f"{chr(215)}4.4") == 6
    assert written.count("÷1.1") == 12
    assert written.count("1.54 ms") == 1
    assert written.count("not measured") == 12


def test_where_one_phase_of_a_rung_is_missing_the_other_is_drawn(full_frame):
    cells = summarise(full_frame)
    largest = cells[(cells["hidden_size"] == 512) & (cells["num_layers"] == 4)]
    written = texts(LADDERS["urnn_ladder"].draw(largest))
    assert written.count("not measured") == 1
    assert f"{chr(215)}12" in written


def test_the_heat_map_says_how_many_times_as_fast(small_frame):
    written = texts(FIGURES[1].draw(summarise(small_frame)))
    assert {"vs nn.LSTM", "vs nn.GRU", "÷4.0", "÷2.0"} <= set(written)
    assert any(text.endswith("2.0") and not text.startswith("÷") for text in written)
