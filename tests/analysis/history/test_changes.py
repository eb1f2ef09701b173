"""Changes of hand-made series: found where they are, as large as they are, and nowhere else."""

from __future__ import annotations

import math

import pytest

from analysis.history.changes import ASV, COMPARISON, NEIGHBOURS, OTAVA, changes, lasting_steps
from analysis.history.commits import read
from analysis.history.report import bisection
from analysis.vocabulary import PEAK_ALLOCATED, STEP_TIME
from tests.analysis.history.conftest import digits, write_history


def series_of(history, backend: str = "fastest", metric: str = STEP_TIME):
    points = history.points
    return points[(points["backend"] == backend) & (points["metric"] == metric)]


def of_time(history, **options):
    return [one for one in changes(history.points, **options).itertuples() if one.metric == STEP_TIME]


def number_of(history) -> int:
    (number,) = series_of(history)["number"].unique()
    return number


def test_each_step_is_found_at_its_commit_newest_first_with_its_size(folder):
    history = read(folder)
    found = of_time(history)
    assert [(one.commit, one.before) for one in found] == [
        (digits(12), digits(11)[:8]),
        (digits(8), digits(7)[:8]),
        (digits(4), digits(3)[:8]),
    ]
    for one, size in zip(found, (1.05, 0.9, 0.25), strict=True):
        assert one.low <= size <= one.high
        assert one.high / one.low < 1.03
        assert one.number == number_of(history)
    assert [one.found_by for one in found] == [(ASV,), (ASV,), (ASV, NEIGHBOURS)]


def test_otavas_points_stand_beside_asvs(folder):
    history = read(folder)
    found = of_time(history, otava={number_of(history): [4, 6, 8]})
    assert [one.found_by for one in found] == [
        (ASV,),
        (OTAVA, ASV),
        (OTAVA, ASV, NEIGHBOURS),
    ]


def test_a_point_without_a_difference_is_no_change(tmp_path):
    history = read(write_history(tmp_path / "h", [2e-3] * 12))
    assert of_time(history, otava={number_of(history): [6]}) == []


def test_a_drift_of_the_machine_is_no_change_of_the_kernel(tmp_path):
    """Both the kernel and the sentinel are a fifth slower from the seventh commit on; the sentinel's own is
    told."""
    history = read(write_history(tmp_path / "h", [2e-3] * 12, drift=[1.0] * 6 + [1.2] * 6))
    assert {one.model for one in of_time(history)} == {"lstm"}


def test_bytes_are_compared_and_not_tested(folder):
    found = [one for one in changes(read(folder).points).itertuples() if one.metric == PEAK_ALLOCATED]
    assert [(one.commit, one.found_by) for one in found] == [
        (digits(12), (COMPARISON,)),
        (digits(4), (COMPARISON,)),
    ]
    assert found[0].ratio == found[0].low == found[0].high == pytest.approx(950 / 900)


def test_a_change_lasts_if_the_next_commit_has_it_too():
    log = math.log
    assert lasting_steps([0.0, log(0.8), log(0.8), log(0.8)]) == [1]
    assert lasting_steps([0.0, log(0.8), log(0.6), log(0.6)]) == [1, 2]
    assert lasting_steps([0.0, log(1.2), log(1.2)]) == [1]
    assert lasting_steps([0.0, log(1.5), 0.0, 0.0]) == [], "one commit was disturbed"
    assert lasting_steps([0.0, log(0.9), log(0.9)]) == [], "too little to be sure of"
    assert lasting_steps([0.0, log(0.5)]) == [], "nothing confirms it yet"


def test_one_commit_has_no_change(tmp_path):
    assert changes(read(write_history(tmp_path / "h", [2e-3])).points).empty


def test_a_commit_that_lacks_a_cell_is_left_out_of_its_series_alone(folder):
    history = read(folder)
    cells = list(series_of(history)["cell"])
    assert len(cells) == 16
    assert all(cell.startswith("urnn:reference") for cell in cells[:4])
    assert all(cell.startswith("urnn:cpu") for cell in cells[4:])


def test_the_command_to_bisect_names_range_benchmark_and_cell(folder):
    change = of_time(read(folder))[0]
    n, length, batch = change.hidden_size, 100, 32
    assert bisection(change).startswith(f"URNN_BENCH_PROFILE=ci asv find {digits(11)[:8]}..{digits(12)[:8]} ")
    assert f"time_call\\('urnn:cpu', 'train', 'cpu', {n}, {length}, {batch}\\)" in bisection(change)
