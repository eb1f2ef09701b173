"""A run that was still improving when it was stopped is told from one on a plateau."""

import pytest

from tests.urnn.training.tiny import run
from urnn.training.improvement import still_improving


def losses(*values: float) -> list[dict]:
    return [{"iteration": 50 * place, "loss": value} for place, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("values", "improving"),
    [
        ((1.0, 1.0, 0.979), True),
        ((1.0, 1.0, 0.981), False),
        ((0.5, 1.0, 0.6), False),  # the best came early
        ((1.0,), True),  # nothing to compare with
        ((1.0, 0.9, 0.9, 0.9, 0.8, 0.9), True),
    ],
)
def test_the_best_of_the_last_third_is_held_against_the_best_before(values, improving):
    assert still_improving(losses(*values), 50 * len(values)) == improving


def test_a_run_on_a_plateau_is_finished(tmp_path):
    assert run(tmp_path, learning_rate=1e-30).outcome == "finished"
