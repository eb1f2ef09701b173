"""When a run may be called unsolved: on a plateau, and after ten times the fastest model's seconds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.experiments.logs import read
from analysis.experiments.study import Study
from analysis.experiments.verdicts import brief, judged, reason, still_improving, verdicts
from tests.analysis.experiments.conftest import evaluation, falling, header, write_lines
from urnn.training import improvement
from urnn.training.log import ENDED

INF, NAN = float("inf"), float("nan")
ALIKE = {"goal": "g", "data": None, "clock": "wall", "threads": 1, "device": "cpu", "dtype": "f", "machine": "m"}


def run(group: int, seconds: float, solved: float = NAN, outcome: str = "finished", **changes) -> dict:
    """A run of a task; `solved` is the moment at which it met its goal."""
    known = {
        "task": "parity",
        "length": 40,
        "steps": 40,
        "cpu": "p",
        "improving": False,
        "ended": True,
        "member": True,
    }
    met = bool(np.isfinite(solved))
    rest = {"group": group, "seconds": seconds, "solved_seconds": solved, "met": met, "outcome": outcome}
    return known | ALIKE | rest | changes


def decided(*runs: dict) -> list[tuple[str, str]]:
    """Word and reason of each group."""
    table = pd.DataFrame(runs)
    table = table.assign(**judged(table))
    return [(row.word, reason(row.rest, row.share)) for row in verdicts(table).itertuples()]


FASTEST = [run(0, 2.0, solved=2.0, outcome="solved"), run(0, 4.0, solved=4.0, outcome="solved")]  # a median of 3 s


@pytest.mark.parametrize(
    ("rival", "word", "why"),
    [
        ([run(1, 30.0)], "not solved", "after 10 times the fastest's seconds"),
        ([run(1, 29.9)], "not finished", "after 99 % of ten times the fastest's seconds"),
        ([run(1, 3.0)], "not finished", "after 10 % of ten times the fastest's seconds"),
        ([run(1, 60.0, improving=True)], "not finished", "still improving after 20 times the fastest's seconds"),
        (
            [run(1, 60.0, outcome="not finished")],
            "not finished",
            "still improving after 20 times the fastest's seconds",
        ),
        ([run(1, 60.0), run(1, 3.0)], "not finished", "after 10 % of ten times the fastest's seconds"),
        ([run(1, 60.0), run(1, 90.0)], "not solved", "after 20 times the fastest's seconds"),
        ([run(1, 60.0), run(1, 9.0, solved=9.0)], "solved in part", "after 20 times the fastest's seconds"),
        ([run(1, 9.0, solved=9.0)], "solved", ""),
        ([run(1, 60.0, outcome="diverged")], "diverged", ""),
        ([run(1, 60.0, outcome="diverged"), run(1, 60.0)], "diverged", ""),
        (
            [run(1, 60.0, outcome="diverged"), run(1, 3.0)],
            "not finished",
            "after 10 % of ten times the fastest's seconds",
        ),
        ([run(1, 60.0, outcome="interrupted", ended=False)], "not ended", ""),
        ([run(1, 1.0, member=False), run(1, 60.0)], "not solved", "after 20 times the fastest's seconds"),
    ],
)
def test_the_rule(rival, word, why):
    assert decided(*FASTEST, *rival) == [("solved", ""), (word, why)]


def test_without_a_model_that_solved_it_nobody_is_called_unsolved():
    assert decided(run(0, 1e6), run(1, 1e6)) == [("not finished", "no model has solved it")] * 2


def test_seeds_that_did_not_solve_it_count_as_infinity_in_the_fastest_ones_median():
    rest = [run(0, 2.0, solved=2.0), run(0, 100.0), run(0, 100.0)]
    assert decided(*rest, run(1, 100.0))[1] == ("not finished", "no model has solved it")


@pytest.mark.parametrize(
    "other", [{"clock": "processor"}, {"cpu": "q"}, {"length": 41}, {"goal": "h"}, {"threads": 2}, {"cpu": None}]
)
def test_seconds_that_were_taken_otherwise_are_no_measure(other):
    assert decided(*FASTEST, run(1, 60.0, **other))[1] == ("not finished", "no model has solved it")


def test_where_the_rule_stands_beside_it_less_is_said():
    assert brief("not finished", 0.5) == "after 50 % of the ten times"
    assert brief("not solved", 1.2) == "after 12 times the fastest"


CURVES = [
    [],
    [(50, 0.5)],
    [(100, 0.5), (200, 0.5), (300, 0.49)],
    [(100, 0.5), (200, 0.5), (300, 0.4901)],
    [(100, 0.5), (200, 0.5), (300, 0.48)],
    [(100, 0.3), (200, 0.5), (300, 0.4)],
]


@pytest.mark.parametrize("curve", CURVES)
def test_a_plateau_is_what_it_is_to_the_trainer(curve):
    iterations = curve[-1][0] if curve else 0
    lines = [{"iteration": iteration, "loss": loss} for iteration, loss in curve]
    table = pd.DataFrame(lines, columns=["iteration", "loss"])
    assert still_improving(table, iterations) is improvement.still_improving(lines, iterations)


def test_a_loss_that_is_no_number_improves_nothing():
    table = pd.DataFrame({"iteration": [100, 200, 300], "loss": [0.5, NAN, NAN]})
    assert not still_improving(table, 300)


def test_an_old_log_that_says_finished_is_judged_by_its_evaluations(add, study):
    """Logs of today say `not finished` of the first one."""
    base = header()["baseline"]
    add([base / 20] * 2, [1.0] * 2, "solved", speed=1000)
    add(falling(base, base / 5, 30), [0.1] * 30, "finished", model="lstm")
    add([base] * 30, [0.1] * 30, "finished", model="irnn")
    found = study().groups
    assert list(found["word"]) == ["solved", "not finished", "not solved"]


def test_every_outcome_that_ends_a_run_counts_as_ended(runs):
    for seed, outcome in enumerate(ENDED):
        line = evaluation(50, 9.0, 0.0)
        last = {"kind": "end", "iteration": 50, "seconds": 2.5, "outcome": outcome, "message": outcome}
        write_lines(runs, outcome, [header(seed=seed), line, last])
    assert Study(read(runs)).runs["ended"].all()
