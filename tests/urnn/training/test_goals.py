"""A run's goal: in its log, met or not at every evaluation, and another one when the command says so."""

import math

import pytest

from tests.urnn.training.tiny import logged, run, trainer
from urnn.training.goals import Bound, Goal, least_score, most_loss
from urnn.training.interruption import Stop
from urnn.training.log import Log

pytestmark = pytest.mark.usefixtures("few_held_out")

EASY, OUT_OF_REACH = {"goal_score": 0.0, "goal_loss": 1e9}, {"goal_score": 1.0, "goal_loss": 1e-30}


class AtOnce(Stop):
    """Asks for an end before the first iteration."""

    asked = True

    def __init__(self) -> None: ...


@pytest.mark.parametrize(
    ("bound", "meets", "misses"),
    [
        (least_score("accuracy", 0.5), [0.5, 1.0, 1], [0.499, math.nan, None, "0.5"]),
        (most_loss("mean squared error", 0.5), [0.5, 0.0, -1], [0.501, math.nan, math.inf, None]),
    ],
)
def test_a_bound_is_met_from_its_threshold_on(bound, meets, misses):
    assert all(bound.met({bound.scored: value}) for value in meets)
    assert not any(bound.met({bound.scored: value}) for value in misses)
    assert not bound.met({})


def test_a_goal_is_met_where_all_its_bounds_are():
    goal = Goal((least_score("accuracy", 0.5), most_loss("cross-entropy (nats)", 0.1)), ends_training=True)
    assert goal.met({"score": 0.5, "loss": 0.1})
    assert not goal.met({"score": 0.5, "loss": 0.2})
    assert not goal.met({"score": 0.4, "loss": 0.1})


def test_the_log_says_what_is_scored_in_which_unit_and_which_way_is_better(tmp_path):
    run(tmp_path, hidden_size=4)
    baseline = 10 * math.log(8) / 30
    score = {"scored": "score", "name": "recall accuracy", "unit": "1", "threshold": 0.99, "better": "higher"}
    loss = {"scored": "loss", "name": "cross-entropy", "unit": "nats", "threshold": 0.1 * baseline}
    assert Log(tmp_path).first()["goal"] == {
        "bounds": [score | {"baseline_share": None}, loss | {"better": "lower", "baseline_share": 0.1}],
        "ends_training": True,
    }


def test_a_loss_without_a_unit_has_the_unit_1():
    assert most_loss("mean squared error", 0.01) == Bound("loss", "mean squared error", "1", 0.01, "lower")


def test_the_settings_change_the_goal_and_nothing_else(tmp_path):
    run(tmp_path / "own", hidden_size=4)
    end = run(tmp_path / "easy", hidden_size=4, **EASY)
    assert end.outcome == "solved"
    own, easy = logged(tmp_path / "own"), logged(tmp_path / "easy")
    assert [bound["threshold"] for bound in easy[0]["goal"]["bounds"]] == [0.0, 1e9]
    assert {**easy[0], "goal": None} == {**own[0], "goal": None}
    assert easy[1] == own[1] | {"solved": True}
    assert (easy[-1]["iteration"], easy[-1]["solved_iteration"], own[-1]["solved_iteration"]) == (4, 4, None)


def test_a_quantity_that_the_task_does_not_bound_is_bounded_too():
    made = trainer(task="adding", goal_score=0.5)
    assert [bound.scored for bound in made.goal.bounds] == ["loss", "score"]
    assert not made.goal.met({"loss": 0.0, "score": 0.4})


def test_the_end_says_when_the_goal_was_met_first(tmp_path):
    run(tmp_path, AtOnce(), **EASY)
    assert Log(tmp_path).end()["solved_iteration"] is None
    run(tmp_path, **EASY)
    *_, evaluation, end = Log(tmp_path).lines()
    assert (end["solved_iteration"], end["solved_seconds"]) == (4, evaluation["seconds"])


class TestAnotherGoal:
    """A run that has ended is judged anew where the goal is another one; what it was trained to is kept."""

    def test_a_solved_run_goes_on_to_a_goal_that_is_harder(self, tmp_path):
        assert run(tmp_path / "harder", **EASY).outcome == "solved"
        assert run(tmp_path / "harder", **OUT_OF_REACH).outcome == "not finished"
        run(tmp_path / "whole", **OUT_OF_REACH)
        assert logged(tmp_path / "harder") == logged(tmp_path / "whole")

    def test_a_finished_run_is_solved_by_a_goal_that_its_last_evaluation_meets(self, tmp_path):
        assert run(tmp_path, **OUT_OF_REACH).outcome == "not finished"
        assert run(tmp_path, **EASY).outcome == "solved"
        lines = Log(tmp_path).lines()
        assert [line["solved"] for line in lines[1:-1]] == [True, True, True]
        assert (lines[-1]["iteration"], lines[-1]["solved_iteration"]) == (9, 4)

    def test_a_log_from_before_logs_had_goals_stays_as_it_is(self, tmp_path):
        first = run(tmp_path, hidden_size=4)
        log = Log(tmp_path)
        lines = log.lines()
        del lines[0]["goal"]
        log._file.rewrite(lines)
        before = log.path.read_bytes()
        assert run(tmp_path, hidden_size=4) == first
        assert log.path.read_bytes() == before
