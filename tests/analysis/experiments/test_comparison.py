"""The comparison: which runs it is of, who is best where, and how matrix, headlines and closing say so."""

from __future__ import annotations

import pytest

from analysis.experiments.claims import claims
from analysis.experiments.closing import closing
from analysis.experiments.headlines import headlines
from analysis.experiments.matrix import matrix
from analysis.experiments.report import page_of
from analysis.experiments.standing import ALONE, BEHIND, BEST, LEVEL, marks, standing
from analysis.statistics import Estimate
from tests.analysis.experiments.conftest import anatomy, end, evaluation, header, write_lines, write_run
from tests.analysis.parsed import texts

BASE = header()["baseline"]
ACCURATE = {"scored": "score", "name": "accuracy", "unit": "1", "threshold": 0.99, "better": "higher"}
GOAL = {"bounds": [ACCURATE], "ends_training": True}
NAN = float("nan")


@pytest.mark.parametrize(
    ("estimates", "lower", "higher"),
    [
        ([(2, 1, 3), (4, 3.5, 5)], [BEST, BEHIND], [BEHIND, BEST]),
        ([(2, 1, 3.5), (4, 3.5, 5)], [BEST, LEVEL], [LEVEL, BEST]),
        ([(2, NAN, NAN), (4, 1, 9)], [BEST, LEVEL], [LEVEL, BEST]),
        ([(2, NAN, NAN), (4, 3, 9), None], [BEST, BEHIND, ""], [BEHIND, BEST, ""]),
        ([(2, NAN, NAN), (2, NAN, NAN)], [BEST, LEVEL], [BEST, LEVEL]),
        ([(2, 1, 3), None], [ALONE, ""], [ALONE, ""]),
        ([None], [""], [""]),
    ],
)
def test_best_level_and_behind(estimates, lower, higher):
    given = [one and Estimate(*one) for one in estimates]
    assert marks(given, lower_is_better=True) == lower
    assert marks(given, lower_is_better=False) == higher


def solve(add, seconds: list[float], **run) -> None:
    """Seeds that solve copying after so many seconds each, in 100 iterations."""
    base = header(length=run.get("length", 100))["baseline"]
    for seed, one in enumerate(seconds):
        add([base, base / 20], [0.1, 1.0], "solved", speed=100 / one, seed=seed, **run)


def plateau(add, seconds: float, **run) -> None:
    """A run that learns nothing for so long, in 300 iterations."""
    add([BASE] * 6, [0.1] * 6, speed=300 / seconds, **run)


def marked(study) -> dict[str, str]:
    """Each model's mark at the only place there is."""
    return {row.model: row.mark for row in standing(study).itertuples()}


def cells_of(study) -> dict[str, tuple[str, str, str]]:
    """Each column of the matrix's only row: text, note and tone."""
    table = matrix(standing(study))
    (row,) = table.cells
    names = [column.heading for column in table.columns]
    return {name: (cell.text, cell.note, cell.tone) for name, cell in zip(names, row, strict=True)}


class TestStanding:
    def test_the_fastest_is_best_and_all_others_stand_to_it(self, add, study):
        solve(add, [1.0, 1.1, 1.2])
        solve(add, [1.2, 1.3, 1.1], model="gru")
        solve(add, [5.0, 5.1, 5.2], model="lstm")
        plateau(add, 11.1, model="irnn")
        plateau(add, 10.9, model="rnn_tanh")
        assert marked(study()) == {
            "urnn": BEST,
            "lstm": BEHIND,
            "gru": LEVEL,
            "irnn": "not solved",
            "rnn_tanh": "not finished",
        }

    def test_who_solved_it_with_all_seeds_is_before_who_was_faster_with_some(self, add, study):
        solve(add, [5.0, 5.1])
        solve(add, [1.0], model="lstm")
        plateau(add, 30.0, model="lstm", seed=1)
        assert marked(study()) == {"urnn": BEST, "lstm": "solved in part"}
        assert cells_of(study())["nn.LSTM"] == (
            "solved in part",
            "1 of 2 seeds\n1.00 s where solved\nothers not finished\nafter 59 % of the ten times\n"
            "6,153 parameters",
            "crosses",
        )

    def test_who_solved_it_with_most_seeds_is_best_where_nobody_did_with_all(self, add, study):
        solve(add, [1.0])
        plateau(add, 30.0, seed=1)
        plateau(add, 30.0, model="lstm")
        assert marked(study())["urnn"] == BEST

    def test_the_only_model_of_a_place_is_compared_with_none(self, add, study):
        solve(add, [1.0, 1.0])
        assert cells_of(study())["uRNN"] == ("1.00 s", "2 of 2 seeds\nno other was run\n6,153 parameters", "")

    def test_a_task_without_an_end_is_compared_by_its_score(self, add, study):
        at = {"task": "permuted_digits", "length": 64}
        for seed in range(3):
            add([1.0] * 6, [0.96 + seed / 100] * 6, seed=seed, **at)
            add([1.0] * 6, [0.80 + seed / 100] * 6, model="lstm", seed=seed, **at)
        add([3.0, 2.0, 1.0], [0.5, 0.6, 0.7], "not finished", model="gru", **at)
        assert marked(study()) == {"urnn": BEST, "lstm": BEHIND, "gru": "not finished"}
        assert cells_of(study())["uRNN"] == (
            "97.0 %, best",
            "94.5 % to 99.5 %\ngoal: 3 of 3 seeds after 2.50 s\n6,153 parameters",
            "ahead",
        )
        assert cells_of(study())["gru"][0] == "70.0 %, not finished"

    def test_of_a_models_settings_the_one_with_most_seeds_speaks_and_of_equals_the_best(self, add, study):
        solve(add, [1.0], hidden_size=8)
        solve(add, [3.0, 3.0], hidden_size=16)
        solve(add, [2.0, 2.0], hidden_size=32)
        (row,) = standing(study()).itertuples()
        assert (row.hidden_size, row.seconds.value) == (32, pytest.approx(2.0))

    def test_a_run_that_has_not_ended_says_so(self, add, study):
        solve(add, [1.0])
        add([BASE], [0.1], None, model="lstm")
        assert cells_of(study())["nn.LSTM"] == ("not ended", "6,153 parameters", "none")


class TestWhichRuns:
    def test_tuned_ones_alone_where_a_task_has_them_and_all_elsewhere(self, runs, study):
        for protocol in ("tuned", "preset", "given"):
            for model in ("urnn", "lstm"):
                at = {"model": model, "protocol": protocol}
                write_run(runs / protocol, [BASE / 20] * 2, [1.0] * 2, "solved", **at)
        write_run(runs, [BASE / 20] * 2, [1.0] * 2, "solved", length=200, protocol="preset")
        write_run(runs, [BASE / 20] * 2, [1.0] * 2, "solved", length=300, protocol="given")
        write_run(runs, [BASE / 20] * 2, [1.0] * 2, task="parity", length=40, protocol="preset")
        found = study()
        assert set(found.fair.runs["run"].str.split("/").str[0]) == {"tuned", "copying-T300", "parity-T40"}
        assert set(found.from_the_paper.runs["run"].str.split("/").str[0]) == {"preset", "copying-T200"}
        assert page_of(found).sections[1].blocks[0].items[-1] == (
            "Of 3 tasks 1 have tuned runs, which alone are compared there. "
            "Seconds are wall-clock seconds of training."
        )

    def test_of_a_models_tuned_settings_at_a_place_the_best_stand_under_its_plain_name(self, runs, study):
        for rate, speed, seeds in ((0.1, 50, 2), (0.2, 25, 2), (0.3, 100, 1)):
            for seed in range(seeds):
                at = {"seed": seed, "learning_rate": rate, "protocol": "tuned", "speed": speed}
                write_run(runs / str(rate), [BASE, BASE / 20], [0.5, 1.0], "solved", **at)
        write_run(runs, [BASE / 20] * 2, [1.0] * 2, "solved", model="lstm", protocol="tuned")
        found = study()
        assert set(found.fair.runs["learning_rate"][found.fair.runs["model"] == "urnn"]) == {0.1}
        assert set(found.fair.groups["series"]) == {"uRNN", "nn.LSTM"}
        assert len(found.groups) == 4
        assert page_of(found).sections[1].blocks[0].items[-1] == (
            "All runs compared are tuned. Where a model has several tuned settings (Copying memory, T = 100), its "
            "best stand. Seconds are wall-clock seconds of training."
        )

    def test_the_papers_settings_are_compared_where_nothing_is_tuned(self, add, study):
        for model in ("urnn", "lstm"):
            solve(add, [1.0], model=model, protocol="preset")
        assert set(study().fair.runs["model"]) == {"urnn", "lstm"}
        solve(add, [1.0], task="parity", length=40, protocol="tuned")
        assert set(study().fair.runs["task"]) == {"parity"}

    def test_protocols_are_never_pooled(self, runs, study):
        for seed, protocol in enumerate(("tuned", "preset", None)):
            write_run(runs, [BASE / 20] * 2, [1.0] * 2, "solved", seed=seed, protocol=protocol)
        assert list(study().groups["seeds"]) == [2, 1]

    def test_of_several_clocks_the_one_of_most_models(self, add, study):
        for model in ("urnn", "lstm"):
            solve(add, [1.0], model=model, clock="processor")
        solve(add, [0.1], model="irnn", clock="wall")
        found = study()
        assert set(found.fair.runs["model"]) == {"urnn", "lstm"}
        assert page_of(found).sections[1].blocks[0].items[-1] == (
            "No task has runs with tuned settings: all runs are compared. Seconds are processor seconds of "
            "training. 1 run with another goal, machine or clock than most of a task are left out."
        )

    def test_a_longer_limit_makes_no_other_setting_where_the_goal_ends_a_run(self, add, study):
        solve(add, [1.0], max_seconds=10.0)
        plateau(add, 30.0, max_seconds=30.0, seed=1)
        assert list(study().groups["seeds"]) == [2]
        for seed, limit in enumerate((10.0, 30.0)):
            add([1.0] * 3, [0.5] * 3, task="digits", length=64, max_seconds=limit, seed=seed)
        assert list(study().groups["seeds"]) == [2, 1, 1]


@pytest.fixture
def both_sides(runs, add, study):
    """The uRNN leads on copying, the LSTM on parity, nobody solves words of S3, and digits have a score."""
    solve(add, [1.0, 1.1, 1.2])
    solve(add, [5.0, 5.1, 5.2], model="lstm", parameters=70_000)
    solve(add, [2.0, 2.1, 2.2], length=200)
    plateau(add, 40.0, model="lstm", length=200)
    for seed in range(3):
        for model, seconds in (("lstm", 2.0 + seed / 10), ("urnn", 9.0 + seed / 10)):
            first = header(task="parity", length=40, steps=40, shortest_steps=4, model=model, seed=seed, goal=GOAL)
            last = evaluation(100, 0.01, 1.0, speed=100 / seconds) | {"solved": True}
            longer = [{"steps": 64, "loss": 0.1, "score": {"lstm": 1.0, "urnn": 0.9}[model]}]
            write_lines(runs, f"parity/{model}{seed}", [first, last, end("solved", last, longer_tests=longer)])
        at = {"task": "words_s3", "length": 40, "steps": 40, "goal": GOAL, "baseline": 1.8}
        add([1.8] * 3, [0.2] * 3, seed=seed, **at)
        add([1.8, 1.5, 1.2], [0.2, 0.3, 0.4], "not finished", model="lstm", seed=seed, **at)
    add([1.0] * 6, [0.97] * 6, task="digits", length=64)
    add([1.0] * 6, [0.90] * 6, model="lstm", task="digits", length=64)
    return study()


class TestSentences:
    def test_headlines_say_who_is_ahead_and_where_the_urnn_is_not(self, both_sides):
        stand = standing(both_sides)
        assert headlines(both_sides, stand, claims(both_sides)) == [
            "The uRNN is the fastest to solve copying memory at T = 100 (1.10 s) and 200 (2.10 s), and has the "
            "best score on the digits in order (97.0 %).",
            "nn.LSTM is the fastest to solve parity (2.10 s).",
            "The uRNN is behind on parity (9.10 s; nn.LSTM 2.10 s).",
            "The uRNN had not solved words of S3 (no model solved it) when it was stopped, which is no verdict.",
            "Tasks solved with every seed, of those run that end with their goal: uRNN 3 of 4; nn.LSTM 2 of 4.",
            "Of 27 statements of the paper, 5 were tested with its preset: 4 agree, 1 differ; 22 were not run.",
            "24 runs: 1 to 3 seeds for each of 10 settings.",
        ]

    def test_of_many_lengths_the_first_and_the_last_are_told(self, add, study):
        for length in (100, 200, 300):
            solve(add, [length / 100], length=length)
            solve(add, [length / 10], model="lstm", length=length)
        assert page_of(study()).headlines[:2] == [
            "The uRNN is the fastest to solve copying memory at T = 100, 200 and 300 (1.00 s to 3.00 s).",
            "Tasks solved with every seed, of those run that end with their goal: uRNN and nn.LSTM 3 of 3.",
        ]

    def test_who_is_best_with_some_seeds_alone_is_not_called_the_fastest(self, add, study):
        solve(add, [1.0])
        plateau(add, 20.0, seed=1)
        plateau(add, 20.0, model="lstm")
        assert page_of(study()).headlines[:2] == [
            "The uRNN comes closest to solving copying memory at T = 100 (1.00 s with 1 of 2 seeds) with every "
            "seed.",
            "Tasks solved with every seed, of those run that end with their goal: uRNN and nn.LSTM none of 1.",
        ]

    def test_without_an_ended_run_the_headline_says_so(self, add, study):
        add([0.3], [0.1], None)
        assert page_of(study()).headlines == [
            "No two models have ended on the same task yet.",
            "None of 27 statements of the paper was tested: no run is of its tasks with its preset.",
            "1 run, none of which has ended.",
        ]

    def test_the_closing_paragraph_says_where_each_kind_is_best_and_where_it_is_not(self, both_sides):
        found = dict(closing(both_sides, standing(both_sides)))
        assert found == {
            "When to take a uRNN": "Fewest seconds: copying memory at T = 100 (1.10 s) and 200 (2.10 s). "
            "Fewest iterations: copying memory at T = 100 (100) and 200 (100) and parity (100). "
            "Fewest parameters of those that solved it: copying memory at T = 100 (6,153) and parity (6,153). "
            "Best score: the digits in order (97.0 %). Behind: parity (9.10 s; nn.LSTM 2.10 s). "
            "Not finished: words of S3 (no model solved it).",
            "When to take an LSTM or GRU": "Fewest seconds: parity (2.10 s). "
            "Fewest iterations: copying memory at T = 100 (100, level with uRNN 100) "
            "and parity (100, level with uRNN 100). "
            "Fewest parameters of those that solved it: parity (6,153). "
            "Best score beyond the trained lengths: parity (100.0 % at 64). "
            "Behind: copying memory at T = 100 (5.10 s; uRNN 1.10 s) and the digits in order (90.0 %; uRNN "
            "97.0 %). "
            "Not finished: words of S3 (no model solved it). Not solved: copying memory at T = 200 (uRNN 2.10 s).",
            "Not known": "No model solved words of S3 in the time that it was given. "
            "Fewer than three seeds are behind 3 of 10 cells of the matrix. "
            "2 of 10 cells are not finished, and may turn with more time. "
            "Not run here: an orthogonal RNN and a scan.",
        }

    def test_several_models_of_a_kind_are_told_apart_and_the_best_speaks_for_what_is_behind(self, add, study):
        solve(add, [1.0, 1.0])
        for model, seconds in (("expRNN", 4.0), ("scoRNN", 3.0)):
            solve(add, [seconds] * 2, model=model.lower(), label=model, family="orthogonal")
        solve(add, [9.0], length=200, model="exprnn", label="expRNN", family="orthogonal")
        found = dict(closing(study(), standing(study())))
        assert found["When to take an orthogonal RNN (expRNN and scoRNN)"] == (
            "Fewest iterations: copying memory at T = 100 (expRNN 100 and scoRNN 100, level with uRNN 100). "
            "Fewest parameters of those that solved it: copying memory at T = 100 (expRNN 6,153 and scoRNN "
            "6,153). Behind: copying memory at T = 100 (3.00 s; uRNN 1.00 s)."
        )
        assert "expRNN alone was run on copying memory at T = 200." in found["Not known"]

    def test_a_model_of_no_known_family_is_among_the_others(self, add, study):
        solve(add, [1.0, 1.0])
        solve(add, [3.0, 3.0], model="new", label="New")
        assert "When to take any other (New)" in dict(closing(study(), standing(study())))

    def test_where_everything_is_decided_nothing_is_open(self, add, study):
        names = {"urnn": "unitary", "lstm": "gated", "lru": "linear", "exprnn": "orthogonal"}
        for number, (model, family) in enumerate(names.items(), start=1):
            solve(add, [number, number, number], model=model, family=family)
        assert dict(closing(study(), standing(study())))["Not known"].startswith("Nothing of the matrix is open")


def test_the_paper_stands_apart_from_the_comparison(runs, study):
    """Figures of the paper's settings are of its preset alone."""
    looks = [anatomy(0, 119, 1.0, 0.5)]
    for protocol in ("tuned", "preset"):
        write_run(runs / protocol, [BASE / 20] * 2, [1.0] * 2, "solved", looks=looks, protocol=protocol)
    page = page_of(study())
    of = {figure.name.removeprefix("figures/"): set(figure.data.runs["protocol"]) for figure in page.figures}
    assert of["score_over_seconds"] == of["time_to_solve"] == {"tuned"}
    assert of["anatomy"] == of["learning_curves_over_iterations"] == {"preset"}
    assert [row[0] for row in texts(page.tables[0])] == ["Copying memory, T = 100"]
