"""What a model had reached by a moment; tables at equal seconds and parameters, figures over cost and length."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.experiments import lengths, pareto
from analysis.experiments.equal import at_equal_parameters, at_equal_seconds
from analysis.experiments.pareto import front
from analysis.experiments.reached import reached
from analysis.experiments.standing import standing
from analysis.experiments.study import Study
from analysis.schema import tidy_frame
from analysis.statistics import Estimate
from tests.analysis.experiments.conftest import end, evaluation, header, write_lines
from tests.analysis.parsed import texts

BASE = header()["baseline"]
EPS = np.finfo(float).eps


def by(study: Study, *seconds: float) -> list[float]:
    """The only group's mean at these moments."""
    return list(reached(study.with_runs(study.logs.evaluations), seconds)["value"])


class TestReached:
    def test_the_best_so_far_of_each_seed_is_what_counts(self, add, study):
        add([BASE] * 3, [0.2, 0.6, 0.4], "finished", speed=50)  # after 1, 2 and 3 s
        add([BASE] * 3, [0.4, 0.2, 0.2], "finished", speed=50, seed=1)
        assert by(study(), 1, 1.9, 2, 3) == pytest.approx([0.3, 0.3, 0.5, 0.5], rel=10 * EPS)

    def test_before_every_seed_was_evaluated_and_after_one_was_stopped_nothing_is_known(self, add, study):
        add([BASE] * 3, [0.2, 0.6, 0.4], "finished", speed=50)
        add([BASE] * 3, [0.4, 0.2, 0.2], "finished", speed=25, seed=1)  # after 2, 4 and 6 s
        assert by(study(), 1, 2, 3, 4) == pytest.approx([np.nan, 0.5, 0.5, np.nan], nan_ok=True)

    @pytest.mark.parametrize("outcome", ["solved", "diverged"])
    def test_who_ended_for_good_keeps_what_it_had(self, outcome, add, study):
        score = {"solved": 1.0, "diverged": 0.5}[outcome]
        add([BASE, BASE / 20], [0.5, score], outcome, speed=50)
        add([BASE] * 6, [0.0] * 6, "finished", speed=50, seed=1)
        assert by(study(), 2, 6, 7) == pytest.approx([score / 2, score / 2, np.nan], nan_ok=True)

    def test_a_seed_without_a_score_leaves_no_mean(self, add, study):
        add([BASE] * 2, [0.5, 0.5], "finished")
        add([BASE] * 2, [float("nan")] * 2, "finished", seed=1)
        assert np.isnan(by(study(), 2.5)).all()


class TestAtEqualSeconds:
    def test_one_row_for_when_the_first_had_solved_it_and_one_for_the_last_moment_of_all(self, add, study):
        add([BASE, BASE / 20], [0.5, 1.0], "solved", speed=50)
        add([BASE] * 6, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "not finished", model="lstm", speed=50)
        add([BASE] * 4, [0.1] * 4, "not finished", model="gru", speed=10)
        add([BASE] * 6, [0.1] * 6, None, model="irnn", speed=10)
        found = at_equal_seconds(study(), standing(study()))
        assert [row[1:] for row in texts(found)] == [
            ["100.0 %, solved", "20.0 %, behind", "no score yet", "not ended"],
            ["100.0 %, solved", "60.0 %, behind", "10.0 %, behind", "not ended"],
        ]
        assert [row[0].note for row in found.cells] == [
            "recall accuracy after 2.00 s: uRNN had solved it",
            "recall accuracy after 6.00 s: the limit of all",
        ]

    def test_where_all_solved_it_the_last_moment_is_when_they_had_ended(self, add, study):
        add([BASE, BASE / 20], [0.5, 1.0], "solved", speed=50)
        add([BASE, BASE / 20], [0.5, 1.0], "solved", model="lstm", speed=10)
        found = at_equal_seconds(study(), standing(study()))
        assert [row[0].note for row in found.cells] == [
            "recall accuracy after 2.00 s: uRNN had solved it",
            "recall accuracy after 10.0 s: all had ended",
        ]
        assert [row[1:] for row in texts(found)] == [
            ["100.0 %, solved", "no score yet"],
            ["100.0 %, solved", "100.0 %, solved"],
        ]

    def test_who_stopped_at_its_goal_is_not_behind_who_trained_on(self, add, study):
        for seed in (0, 1):
            add([BASE, BASE / 20], [0.5, 0.99], "solved", speed=50, seed=seed)
        add([BASE, BASE / 20], [0.5, 0.99], "solved", model="lstm", speed=50)
        add([BASE] * 6, [0.1] * 6, "not finished", model="lstm", speed=50, seed=1)
        found = at_equal_seconds(study(), standing(study()))
        assert [row[1:] for row in texts(found)] == [
            ["99.0 %, solved", "54.5 %, behind"],  # the mean of 99 and 10 %: one of two seeds had solved it
            ["99.0 %, solved", "54.5 %, behind"],
        ]

    def test_the_first_moment_is_that_of_the_fastests_last_seed(self, add, study):
        for seed, speed in enumerate((50, 25)):  # after 2 and 4 s
            add([BASE, BASE / 20], [0.5, 1.0], "solved", speed=speed, seed=seed)
        add([BASE] * 6, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "not finished", model="lstm", speed=50)
        found = at_equal_seconds(study(), standing(study()))
        assert found.cells[0][0].note == "recall accuracy after 4.00 s: uRNN had solved it"
        assert texts(found)[0][1:] == ["100.0 %, solved", "40.0 %, behind"]

    def test_it_says_with_how_many_seeds_the_fastest_had_solved_it(self, add, study):
        add([BASE, BASE / 20], [0.5, 1.0], "solved", speed=50)
        add([BASE] * 6, [0.1] * 6, "finished", speed=50, seed=1)
        add([BASE] * 6, [0.1] * 6, "finished", model="lstm", speed=50)
        first = at_equal_seconds(study(), standing(study())).cells[0][0]
        assert first.note == "recall accuracy after 2.00 s: uRNN had solved it with 1 of 2 seeds"

    def test_a_task_without_an_end_has_one_moment(self, add, study):
        for model, score in (("urnn", 0.9), ("lstm", 0.8)):
            add([1.0] * 3, [score] * 3, model=model, task="digits", length=64, speed=50)
        assert texts(at_equal_seconds(study(), standing(study()))) == [
            ["Digits, pixel by pixel", "90.0 %, best", "80.0 %, behind"]
        ]


def test_at_equal_parameters_only_models_of_about_the_urnns_size_are_held_against_it(add, study):
    for model, parameters in (("urnn", 6000), ("lstm", 9000), ("gru", 9001), ("irnn", 4000), ("rnn_tanh", 3999)):
        add([BASE, BASE / 20], [0.5, 1.0], "solved", model=model, parameters=parameters)
    add([BASE], [0.5], length=200)
    add([BASE], [0.5], length=300, model="lstm")
    table = at_equal_parameters(standing(study()))
    assert [row[1:] for row in texts(table)] == [
        ["uRNN-128", "6,000", "5.00 s, best"],
        ["nn.LSTM-40", "9,000", "5.00 s, level"],
        ["IRNN-80", "4,000", "5.00 s, level"],
    ]


def test_the_front_is_what_no_other_beats_in_both():
    costs, scores = np.array([4.0, 1.0, 2.0, 3.0, 1.0]), np.array([0.9, 0.5, 0.4, 0.9, 0.3])
    assert list(front(costs, scores)) == [1, 3]


def series(ax) -> set[str]:
    """Which series have a line in a panel."""
    return {gid.split(":", 2)[2] for line in ax.lines if (gid := line.get_gid() or "").startswith("series:")}


def test_the_front_over_seconds_is_the_highest_of_all_means(add, study):
    add([BASE] * 4, [0.1, 0.5, 0.5, 0.5], "finished", speed=50)
    add([BASE] * 4, [0.2, 0.2, 0.2, 0.9], "finished", speed=50, model="lstm")
    (ax,) = pareto.draw_seconds(study()).axes
    assert series(ax) == {"urnn:any", "lstm:any"}
    (drawn,) = [line for line in ax.lines if line.get_linewidth() == pareto.FRONT["linewidth"]]
    x, y = np.array(drawn.get_xdata()), np.array(drawn.get_ydata())
    assert [y[np.searchsorted(x, at)] for at in (1.5, 2.5)] == [0.2, 0.5]
    assert (y[0], y[-1]) == (0.2, 0.9)
    assert ax.get_xlabel() == "wall-clock seconds of training"


def test_memory_has_a_panel_for_each_place_where_it_was_measured(add, study, row):
    add([BASE], [0.5])
    add([BASE], [0.9], model="lstm")
    add([BASE], [0.9], length=200)
    step = {"length": 120, "batch": 20, "metric": "peak_allocated", "unit": "B"}
    rows = [
        row(value=4096.0, backend="cpu", hidden_size=128, **step),
        row(value=8192.0, model="lstm", backend="torch", hidden_size=40, **step),
    ]
    (ax,) = pareto.draw_memory(Study(study().logs, tidy_frame(rows))).axes
    assert series(ax) == {"urnn:any", "lstm:any"}
    assert ax.get_title(loc="left") == "Copying memory, T = 100"
    (empty,) = pareto.draw_memory(study()).axes
    assert [text.get_text() for text in empty.texts] == ["not measured"]


@pytest.fixture
def tracking(runs, study) -> Study:
    """Two seeds of the LSTM, and one of a GRU without a score at one length."""
    for model, seed, scores in (("lstm", 0, (0.9, 0.7)), ("lstm", 1, (0.7, 0.5)), ("gru", 0, (0.5, None))):
        first = header(task="parity", length=40, steps=40, shortest_steps=4, model=model, seed=seed)
        last = evaluation(50, 0.1, 1.0)
        longer = [
            {"steps": steps, "loss": 0.1, "score": one} for steps, one in zip((64, 256), scores, strict=True)
        ]
        write_lines(runs, f"{model}{seed}", [first, last, end("finished", last, longer_tests=longer)])
    return study()


def test_scores_over_test_lengths_are_means_over_seeds(tracking):
    found = lengths.over_lengths(tracking)
    values = {(row.model, row.tested): row.score for row in found.itertuples()}
    assert {at: score and round(score.value, 12) for at, score in values.items()} == {
        ("lstm", 40): 1.0,
        ("lstm", 64): 0.8,
        ("lstm", 256): 0.6,
        ("gru", 40): 1.0,
        ("gru", 64): 0.5,
        ("gru", 256): None,
    }
    assert values["lstm", 256] == Estimate(pytest.approx(0.6), 0.0, 1.0)


def test_the_figure_over_test_lengths_marks_what_was_trained_on_and_guessing(tracking):
    (ax,) = lengths.draw(tracking).axes
    assert series(ax) == {"lstm:any", "gru:any"}
    assert {"trained on\n4 to 40"} <= {text.get_text() for text in ax.texts}
    assert any(set(line.get_ydata()) == {0.1} for line in ax.lines)
    assert [ax.patches[0].get_x() + ax.patches[0].get_width()] == [40]
