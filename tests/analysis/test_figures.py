"""Every figure draws what there is, says what there is not, and has units on its axes."""

from __future__ import annotations

import pytest

from analysis import figures
from analysis.figures import step_time_over_hidden_size, style
from analysis.schema import tidy_frame
from analysis.statistics import summarise


def texts(figure):
    """Everything written in a figure."""
    figure.draw_without_rendering()
    found = [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]
    return [text for text in found if text]


@pytest.mark.parametrize("figure", figures.FIGURES, ids=figures.name)
@pytest.mark.parametrize("columns", [1, 3])
def test_every_figure_draws_a_small_grid(figure, columns, small_frame):
    with style.applied():
        written = " ".join(texts(figure.draw(summarise(small_frame), columns)))
    assert "uRNN" in written
    assert "not measured" not in written or figure is step_time_over_hidden_size


@pytest.mark.parametrize("figure", figures.FIGURES, ids=figures.name)
def test_a_figure_without_data_says_so(figure, row):
    nothing = summarise(tidy_frame([row(value=None, outcome="failed", message="No.")]))
    assert "not measured" in texts(figure.draw(nothing))


def test_units_sizes_and_what_is_held_fixed_are_written(small_frame):
    written = texts(step_time_over_hidden_size.draw(summarise(small_frame)))
    assert {"64", "128", "256", "512", "hidden units n", "time per time step", "100 µs"} <= set(written)
    assert "B = 32, T = 100" in written
    assert "out of memory" in written


def test_one_colour_a_model_in_every_figure(small_frame):
    cells = summarise(small_frame)
    colours = {
        line.get_color()
        for figure in figures.FIGURES
        for line in figure.draw(cells).findobj(match=lambda artist: hasattr(artist, "get_linestyle"))
        if (line.get_gid() or "").startswith("series--urnn") and hasattr(line, "get_color")
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


def test_the_heat_map_says_how_many_times_as_fast(small_frame):
    from analysis.figures import speed_up

    written = texts(speed_up.draw(summarise(small_frame)))
    assert {"vs nn.LSTM", "vs nn.GRU", "÷4.0", "÷2.0"} <= set(written)
    assert any(text.endswith("2.0") and not text.startswith("÷") for text in written)
