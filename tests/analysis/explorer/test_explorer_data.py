"""What the explorer of a page is given: every cell once, ratios of the statistics, what is left out said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.comparability import by_kind, choose
from analysis.errors import AnalysisError
from analysis.figures.efficiency import every_share
from analysis.pages.packing import BASE, DIGITS, LEVELS, packed
from analysis.report.choice import looked_through, of_machines
from analysis.report.explorer import Cells
from analysis.report.measured import Measured
from analysis.schema import tidy_frame
from analysis.statistics import Estimate, crossover, ratio, ratio_between_settings
from analysis.statistics.bootstrap import bounds, bounds_of_each
from analysis.statistics.curves import curve, curve_through, over_baseline
from tests.analysis.conftest import make_curve, make_row


@pytest.fixture(scope="module")
def data(frame, settings):
    return looked_through(settings, by_kind(frame), []).data


def test_every_cell_is_there_once_in_the_order_of_points_sizes_and_series(data, settings):
    cells = data["settings"][0]["cells"]
    order = list(zip(cells["point"], cells["hidden_size"], cells["series"], strict=True))
    assert order == sorted(set(order))
    assert len(order) == 36
    assert data["settings"][0]["points"] == [
        ("forward", "copying", 1, 100, 32),
        ("train", "copying", 1, 50, 32),
        ("train", "copying", 1, 100, 32),
    ]
    assert data["settings"][0]["outcomes"] == {"11": ["out of memory", "3 GiB, <b>asked</b> for"]}


def test_values_are_exact_and_bounds_stand_only_where_an_interval_has_a_width(data, settings):
    values = data["settings"][0]["values"]
    summary = settings[0].cells.query("metric == 'step_time' and outcome == 'measured'")
    assert sorted(filter(None, values["step_time"]["value"])) == sorted(summary["value"])
    assert set(values["peak_allocated"]) == {"value"}
    assert values["energy"] == {}
    assert [name for name in values if name.startswith("share_")] == ["share_fourier"]


def test_a_series_is_one_in_all_settings(settings):
    """nn.LSTM stands alone in one setting and has two ways in the next, where its label names the way."""
    two = [
        make_row(backend="torch", model="lstm"),
        make_row(backend="native", model="lstm", backend_label="native"),
    ]
    one = [make_row(backend="torch", model="lstm", machine="other")]
    frame = tidy_frame([*two, *one])
    data = looked_through([Measured.of(choice) for choice in choose(by_kind(frame))], by_kind(frame), []).data
    assert sorted(one["id"] for one in data["series"]) == ["lstm:native", "lstm:torch"]


def test_it_opens_with_nn_lstm_as_the_baseline_or_else_with_what_there_is():
    for models, baseline in (
        (("urnn", "gru", "lstm"), "lstm:torch"),
        (("urnn", "gru"), "gru:torch"),
        (("urnn",), "urnn:reference"),
    ):
        frame = tidy_frame([make_row(model) for model in models])
        data = looked_through([Measured.of(choice) for choice in choose(by_kind(frame))], by_kind(frame), []).data
        assert data["baseline"] == baseline


def test_of_a_machines_commits_the_newest_and_three_others_are_there_and_the_rest_is_said():
    rows = [
        make_row(value=1.0 + number, commit=f"{number}" * 40, commit_time=f"2026-01-0{number + 1}T00:00:00+00:00")
        for number in range(6)
    ]
    frame = by_kind(tidy_frame(rows))
    data = looked_through([Measured.of(choice) for choice in choose(frame)], frame, []).data
    assert [one["columns"]["commit"][0] for one in data["settings"]] == ["5", "4", "3", "2"]
    assert data["notes"] == ["2 older settings not in here; measurements.csv has all."]


def test_machines_are_chosen_by_parts_of_their_names_and_open_beside_each_other(frame):
    chosen = of_machines(by_kind(frame), ["BIG"])
    assert set(chosen["machine"]) == {"big box"}
    both = of_machines(by_kind(frame), ["big", "box"])
    settings = [Measured.of(choice) for choice in choose(both)]
    assert looked_through(settings, both, ["big", "box"]).data["beside"] == [0, 1]
    assert looked_through(settings, both, []).data["beside"] == [0]


@pytest.mark.parametrize("name", ["moon", ""])
def test_a_machine_that_was_not_measured_is_refused(frame, name):
    with pytest.raises(AnalysisError) as refused:
        of_machines(by_kind(frame), [name])
    assert str(refused.value) == (
        f"--machines: no results here are of a machine with '{name}' in its name; there are results of "
        "'big box' and 'box'."
    )


def test_ratios_of_every_pair_are_those_of_the_statistics(settings):
    cells = Cells(settings[0], settings[0].series)
    table, rows = cells.table, cells.metrics["step_time"]
    texts = cells.at_equal_size("step_time")
    one, other = 0, 1  # of the first point and size
    assert list(table["hidden_size"][[one, other]]) == [64, 64]
    wanted = ratio(rows.loc[one], rows.loc[other])
    assert texts[one][:6] == packed(wanted, with_ratio=False)
    assert len(texts[one]) == 12
    assert texts[2] == ""


def test_a_text_holds_no_character_that_json_or_html_escapes():
    assert len(DIGITS) == BASE == 90
    assert not set(DIGITS) & set('"\\<' + " !")


def test_ratios_are_packed_with_bounds_outwards_but_never_over_one():
    def level(text):
        return (DIGITS.index(text[0]) * BASE + DIGITS.index(text[1])) * BASE + DIGITS.index(text[2])

    assert packed(None) == packed(Estimate(0.0, 0.0, 1.0)) == packed(Estimate(math.inf, 1.0, math.inf)) == " "
    assert packed(Estimate(2.0, 2.0, 2.0), with_ratio=False) == "!"
    assert level(packed(Estimate(1.0, 1.0, 1.0))[1:]) == LEVELS // 2
    text = packed(Estimate(1.2, 1.0000001, 1.5))
    assert level(text[3:6]) > LEVELS // 2
    text = packed(Estimate(0.8, 0.5, 0.9999999))
    assert level(text[6:9]) < LEVELS // 2
    text = packed(Estimate(1e12, 1e-12, 1e12))
    assert (level(text[3:6]), level(text[6:9])) == (0, LEVELS)


def test_bounds_of_each_column_are_those_of_the_column():
    draws = np.random.default_rng(0).lognormal(size=(1000, 3))
    low, high = bounds_of_each(draws)
    assert list(zip(low, high, strict=True)) == [bounds(draws[:, column]) for column in range(3)]


def test_over_a_baseline_of_equal_size_is_what_the_crossover_says_at_the_ends(settings):
    cells = settings[0].cells.query("metric == 'step_time' and phase == 'train' and length == 100")
    ours, theirs = (cells[cells["model"] == model] for model in ("urnn", "gru"))
    found = over_baseline(curve(ours, "hidden_size"), curve(theirs, "hidden_size"))
    ends = crossover(ours, theirs)
    for at, gain in ((0, ends.gain_first), (-1, ends.gain_last)):
        numbers = [1 / found.values[at], 1 / found.high[at], 1 / found.low[at]]
        assert numbers == pytest.approx([gain.value, gain.low, gain.high])


def test_a_curve_with_two_values_at_one_size_is_none():
    numbers = np.array([1.0, 2.0, 2.0])
    assert curve_through(numbers, numbers, numbers, numbers[np.newaxis]) is None
    assert curve_through(numbers[:0], numbers[:0], numbers[:0], numbers[np.newaxis, :0]) is None


def test_a_ratio_of_two_machines_does_not_draw_the_same_processes_on_both():
    """Two processes on each, 10 % apart: were the same drawn on both sides, the ratio would have no width."""
    rows = [
        make_row(machine=machine, value=value, **{"pass": number, "round": round_number})
        for machine in ("box", "other")
        for number, value in ((1, 1.0), (2, 1.1))
        for round_number in (1, 2, 3)
    ]
    one, other = (Measured.of(choice).cells.iloc[0] for choice in choose(by_kind(tidy_frame(rows))))
    assert ratio(one, other).low == ratio(one, other).high == 1.0
    found = ratio_between_settings(one, other)
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 1 / 1.1, 1.1))


def test_shares_of_a_ceiling_are_of_every_size_and_batch_at_which_both_were_measured():
    rows = [
        row
        for batch in (1, 32)
        for row in (
            *make_curve("urnn", {64: 4e-6, 128: 8e-6}, phase="forward", batch=batch),
            *make_curve("ceiling", {64: 1e-6}, phase="forward", batch=batch),
        )
    ]
    (measured,) = (Measured.of(choice) for choice in choose(by_kind(tidy_frame(rows))))
    found = every_share(measured.cells, measured.ceilings)
    assert found[["hidden_size", "batch", "value"]].to_numpy().tolist() == [[64, 1, 0.25], [64, 32, 0.25]]
