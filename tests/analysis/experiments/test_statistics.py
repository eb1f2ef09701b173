"""Means across seeds, curves, groups and costs, on a few rows each."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.experiments.claims import decay, inside, unevenness, wandering
from analysis.experiments.curves import mean_curve
from analysis.experiments.study import Study, by_place
from analysis.schema import tidy_frame
from analysis.statistics import Estimate
from analysis.statistics.seeds import LEAST_POSITIVE, across, curve
from tests.analysis.experiments.conftest import anatomy, header

EPS = np.finfo(np.float64).eps


def test_students_interval_of_three_seeds():
    # t(0.975, 2) = 4.302653 (any table of Student's t); s = 1 and k = 3.
    ((value, low, high),) = across([1.0, 2.0, 3.0]).to_numpy()
    assert value == 2
    assert high - 2 == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert low - 2 == pytest.approx(-4.302653 / 3**0.5, rel=1e-6)


def test_the_geometric_mean_keeps_bounds_positive():
    ((value, low, high),) = across([1.0, 100.0], logarithmic=True).to_numpy()
    assert value == pytest.approx(10, rel=10 * EPS)
    assert low * high == pytest.approx(100, rel=100 * EPS)
    assert low > 0


def test_a_score_is_a_share_and_so_are_its_bounds(add, study):
    for seed, score in enumerate((0.1, 0.9)):
        add([0.3], [score], seed=seed)
    assert study().groups["score"].tolist() == [Estimate(0.5, 0.0, 1.0)]


def test_one_seed_has_a_mean_and_no_interval_and_a_missing_score_leaves_none(add, study):
    ((value, *bounds),) = across([0.5]).to_numpy()
    assert value == 0.5
    assert np.isnan(bounds).all()
    add([0.3], [0.5])
    add([0.3], [float("nan")], seed=1)
    assert study().groups["score"].tolist() == [None]


def test_a_loss_of_zero_counts_as_eps():
    assert across([0.0, 0.0], logarithmic=True)["value"][0] == pytest.approx(LEAST_POSITIVE, rel=100 * EPS)


def test_a_curve_interpolates_and_a_seed_that_ended_keeps_its_last_value():
    one, other = (np.array([0.0, 2.0]), np.array([0.0, 2.0])), (np.array([0.0, 4.0]), np.array([0.0, 4.0]))
    found = curve([one, other], np.array([1.0, 2.0, 4.0]), logarithmic=False)
    assert list(found["value"]) == [1.0, 2.0, 3.0]
    assert found["low"].iloc[-1] < 3.0 < found["high"].iloc[-1]


def test_solved_seeds_stay_in_the_mean_and_unfinished_and_diverged_ones_are_not_in_it(add, study):
    add([0.1, 0.001], [0.5, 1.0], "solved", seed=0)
    add([0.1, 0.1, 0.1, 0.001], [0.5, 0.5, 0.5, 1.0], "solved", seed=1)
    add([9.0], [0.0], None, seed=2)
    add([9.0, 9.0], [0.0, 0.0], "diverged", seed=3)
    found = study()
    (group,) = found.groups.itertuples()
    assert (group.seeds, group.met) == (3, 2)
    mean = mean_curve(found.with_runs(found.logs.evaluations), "iteration", "score")
    assert list(mean.index) == [50, 100, 150, 200]
    assert list(mean["value"]) == [0.5, 0.75, 0.75, 1.0]
    assert mean["low"].notna().all()
    x = mean_curve(found.with_runs(found.logs.evaluations), "seconds", "loss").index
    assert (x[0], x[-1]) == pytest.approx((2.5, 10.0), rel=10 * EPS)


def test_a_group_that_is_still_going_has_a_mean_as_far_as_all_of_it_is(add, study):
    add([0.3, 0.2], [0.1, 0.1], None, seed=0)
    add([0.3, 0.2, 0.1], [0.1, 0.1, 0.1], "interrupted", seed=1)
    found = study()
    assert list(found.groups["ended"]) == [False]
    assert list(mean_curve(found.with_runs(found.logs.evaluations), "iteration", "loss").index) == [50, 100]


def test_groups_differ_in_nothing_but_the_seed_and_names_say_what_differs(add, study):
    add([0.1], [0.5], seed=0)
    add([0.1], [0.5], seed=1)
    add([0.1], [0.5], seed=0, hidden_size=256, backend="reference")
    add([0.1], [0.5], model="lstm")
    found = study().groups
    labels = ["uRNN (n = 128, fused kernel)", "uRNN (n = 256, eager reference)", "nn.LSTM"]
    assert list(found["series"]) == labels
    assert list(found["seeds"]) == [2, 1, 1]
    assert found["backend"].nunique() == 3


def test_tasks_and_lengths_are_in_the_papers_order(add, study):
    for task, length in (("digits", 64), ("adding", 200), ("copying", 500), ("copying", 100), ("adding", 100)):
        add([0.1], [0.5], task=task, length=length)
    assert [rows["place"].iloc[0] for rows in by_place(study().groups)] == [
        "Copying memory, T = 100",
        "Copying memory, T = 500",
        "Adding, T = 100",
        "Adding, T = 200",
        "Digits, pixel by pixel",
    ]


def test_places_of_the_later_tasks_name_what_their_length_counts(add, study):
    for task, length in (("associative_recall", 4), ("parity", 40), ("characters", 100), ("denoising", 100)):
        add([0.1], [0.5], task=task, length=length)
    assert [rows["place"].iloc[0] for rows in by_place(study().groups)] == [
        "Parity",
        "Denoising, T = 100",
        "Associative recall, pairs = 4",
        "Characters of a text, T = 100",
    ]


def test_runs_on_two_texts_are_two_groups(add, study):
    for seed, data in enumerate(("one", "one", "other")):
        add([0.1], [0.5], task="characters", seed=seed, data=data)
    found = study().groups
    assert list(found["series"]) == ["uRNN (one)", "uRNN (other)"]
    assert list(found["seeds"]) == [2, 1]


def test_of_two_runs_with_one_seed_the_later_counts_and_the_other_is_named(add, runs, study):
    add([0.1], [0.5]).parent.rename(runs / "old")
    add([0.1], [0.9], started_at="2026-02-01T00:00:00+00:00")
    found = study()
    assert len(found.groups) == 1
    assert list(found.runs["score"]) == [0.9]
    assert found.repeated == ["old: left out, because a later run has the same setting and seed 0."]


@pytest.mark.parametrize(("share", "below"), [(0.89, 1), (0.9, 0), (float("nan"), 0)])
def test_below_the_baseline_needs_a_margin(share, below, add, study):
    add([share * header()["baseline"]], [0.5], "finished")
    assert list(study().groups["below"]) == [below]


def test_a_step_takes_the_memory_that_the_benchmark_measured(add, study, row):
    add([0.1], [0.5])
    step = {"backend": "cpu", "hidden_size": 128, "length": 120, "batch": 20}
    step |= {"metric": "peak_allocated", "unit": "B"}
    rows = [row(value=value, **step) for value in (1024.0, 4096.0, 8192.0)]
    rows += [row(value=9.0, **(step | {"length": 119})), row(value=9.0, **(step | {"phase": "forward"}))]
    rows.append(row(value=1e-4, **(step | {"metric": "step_time", "unit": "s"})))
    logs = study().logs
    assert list(Study(logs, tidy_frame(rows)).memory) == [4096.0]
    for nothing in (None, tidy_frame([row(value=9.0, **(step | {"batch": 21}))])):
        assert Study(logs, nothing).memory.isna().all()


@pytest.mark.parametrize("task", ["parity", "permuted_digits", "selective_copying"])
def test_the_memory_of_other_tasks_is_that_of_pixels_of_their_length(task, add, study, row):
    add([0.1], [0.5], task=task, length=40)
    step = {"backend": "cpu", "hidden_size": 128, "length": 40, "batch": 20, "task": "pixels"}
    measured = tidy_frame([row(value=4096.0, metric="peak_allocated", unit="B", **step)])
    assert list(Study(study().logs, measured).memory) == [4096.0]


def test_numbers_for_what_figure_4_shows(add, study):
    add([0.1], [0.5], task="adding", length=200, looks=[anatomy(100, 200, 2.0, 0.5)])
    add([0.1], [0.5], length=180, looks=[anatomy(100, 200, 7.0, 0.5)])
    found = study()
    # The medians of the first and the last tenth lie 180 of 200 steps apart.
    assert inside(found, "adding", "urnn", decay) == pytest.approx(np.exp(-2.0 * 180 / 200), rel=1e3 * EPS)
    norms = 1 + 0.5 * np.arange(1, 201) / 200
    assert inside(found, "copying", "urnn", unevenness) == pytest.approx(norms.std() / norms.mean(), rel=1e3 * EPS)
    assert inside(found, "copying", "urnn", wandering) == pytest.approx(
        np.median(0.5 / norms[95:190]), rel=1e3 * EPS
    )
    assert inside(found, "adding", "lstm", decay) is None
