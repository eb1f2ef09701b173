"""What counts as solved is what a run's log says; logs and tables from before logs said so are read as well."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from analysis.errors import AnalysisError
from analysis.experiments.goals import BEFORE, before, met
from analysis.experiments.logs import read
from analysis.experiments.report import page_of
from analysis.experiments.schema import TABLES
from analysis.experiments.study import Study
from analysis.pages import Facts
from tests.analysis.experiments.conftest import end, evaluation, header, write_lines
from tests.analysis.parsed import table
from tests.urnn.training.tiny import run

SCORE = {"scored": "score", "name": "accuracy", "unit": "1", "threshold": 0.5, "better": "higher"}
LOSS = {"scored": "loss", "name": "perplexity", "unit": "bits", "threshold": 1.5, "better": "lower"}


def goal(*bounds: dict) -> dict:
    """As the trainer writes it."""
    return {"bounds": list(bounds), "ends_training": True}


def solved_of(study: Study) -> list[str]:
    results = table(page_of(study), "Results across seeds")
    column = [column.heading for column in results.columns].index("Solved")
    return [row[column].text for row in results.cells]


def goals_of(study: Study) -> list[tuple[str, str]]:
    """What the page says of each task's goal."""
    blocks = [block for section in page_of(study).sections for block in section.blocks]
    facts = (block for block in blocks if isinstance(block, Facts))
    return [pair for block in facts for pair in block.pairs if pair[0].startswith("Solved: ")]


class TestOfALog:
    @pytest.mark.slow
    def test_the_report_follows_the_settings_of_a_trial(self, tmp_path):
        """Two real runs that differ in nothing but their goals."""
        settings = {"hidden_size": 4, "model": "lstm", "task": "adding"}
        run(tmp_path / "strict" / "run", **settings)
        run(tmp_path / "easy" / "run", goal_loss=1e3, **settings)
        strict, easy = (Study(read(tmp_path / name)) for name in ("strict", "easy"))
        assert (strict.logs.problems, easy.logs.problems) == ((), ())
        assert (solved_of(strict), solved_of(easy)) == (
            ["not finished"],  # stopped while it was improving
            ["1 of 1"],
        )
        assert easy.logs.runs["solved_iteration"].tolist() == [4]
        said = "The first evaluation on validation data with mean squared error of at most {}."
        assert goals_of(strict) == [("Solved: Adding", said.format("0.01"))]
        assert goals_of(easy) == [("Solved: Adding", said.format("1000"))]

    def test_a_trial_is_named_by_its_log(self, tmp_path):
        run(tmp_path / "run", hidden_size=4, model="ortho_cayley")
        (row,) = read(tmp_path).runs.to_dict("records")
        assert (row["label"], row["family"]) == ("Orthogonal RNN (Cayley)", "orthogonal")

    def test_what_the_run_says_of_an_evaluation_stands(self, runs):
        lines = [evaluation(50, 9.0, 0.0) | {"solved": True}, evaluation(100, 0.0, 1.0) | {"solved": False}]
        write_lines(runs, "a", [header(goal=goal(SCORE)), *lines])
        assert read(runs).runs["solved_iteration"].tolist() == [50]

    @pytest.mark.parametrize(
        ("bounds", "words"),
        [
            ([SCORE], "accuracy of at least 50 %"),
            ([LOSS], "perplexity of at most 1.5 bits"),
            ([LOSS | {"unit": "1"}], "perplexity of at most 1.5"),
            ([LOSS | {"better": "higher"}], "perplexity of at least 1.5 bits"),
            ([SCORE | {"unit": "points"}], "accuracy of at least 0.5 points"),
            (
                [SCORE | {"threshold": 0.995}, LOSS | {"baseline_share": 0.25}],
                "accuracy of at least 99.5 % and perplexity of at most 25 % of the baseline's",
            ),
        ],
    )
    def test_a_goal_in_words(self, bounds, words, runs):
        write_lines(runs, "a", [header(goal=goal(*bounds)), evaluation(50, 1.0, 0.5)])
        assert read(runs).runs["goal"].tolist() == [words]

    def test_runs_with_different_goals_are_no_repetitions_of_each_other(self, runs):
        for seed, bound in enumerate((SCORE, LOSS)):
            first = header(seed=seed, goal=goal(bound))
            lines = [evaluation(50, 1.0, 0.6) | {"solved": seed == 0}]
            write_lines(runs, f"run{seed}", [first, *lines, end("finished", lines[-1])])
        found = Study(read(runs)).groups
        assert list(found[["series", "seeds", "met"]].itertuples(index=False, name=None)) == [
            ("uRNN (goal: accuracy of at least 50 %)", 1, 1),
            ("uRNN (goal: perplexity of at most 1.5 bits)", 1, 0),
        ]

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (None, "expected goal to be an object, got null"),
            (goal(), "expected goal.bounds to be a list of at least 1, got a list that is empty"),
            (goal(SCORE | {"scored": "luck"}), "expected goal.bounds[0].scored to be one of loss, score, got "),
            (goal(SCORE | {"better": "up"}), "expected goal.bounds[0].better to be one of higher, lower, got "),
            (goal(SCORE, LOSS | {"threshold": "1"}), "expected goal.bounds[1].threshold to be a number from "),
        ],
    )
    def test_a_damaged_goal_is_said_with_file_and_line(self, damage, message, runs):
        path = write_lines(runs, "a", [header(goal=damage)])
        with pytest.raises(AnalysisError, match=re.escape(f"{path}, line 1: {message}")):
            read(runs)

    def test_a_damaged_answer_is_said_with_file_and_line(self, runs):
        path = write_lines(runs, "a", [header(), evaluation(50, 1.0, 0.5) | {"solved": 1}])
        with pytest.raises(AnalysisError, match=f"{path}, line 2: expected solved to be true or false, got 1"):
            read(runs)


class TestFromBeforeLogsHadGoals:
    @pytest.mark.parametrize(
        ("task", "loss", "score", "solved"),
        [
            ("copying", 0.1, 0.99, True),
            ("copying", 0.1, 0.98, False),
            ("copying", 0.11, 1.0, False),
            ("adding", 0.01, 0.0, True),
            ("adding", 0.011, 1.0, False),
            ("digits", 9.0, 0.95, True),
            ("permuted_digits", 9.0, 0.92, False),
            ("digits", 9.0, float("nan"), False),
        ],
    )
    def test_the_goals_of_that_time(self, task, loss, score, solved):
        then = before({"task": task, "baseline": 1.0, "loss_name": "a loss", "score_name": "a score"})
        assert met(then, {"loss": loss, "score": score}) is solved

    @pytest.mark.parametrize("task", BEFORE)
    def test_they_are_said_in_the_words_of_a_trial_of_today(self, task, tmp_path):
        """Old and new runs with one goal are repetitions of each other."""
        from urnn.tasks.images import digits_split
        from urnn.tasks.pixels import WholeImages
        from urnn.training import problems

        if "mnist" in task:  # its files are not here; the digits' problem under its name has the same task
            length, built = 784, problems._images
            problem = built(task, None, problems.Folders(Path()), split=lambda folder: digits_split())
            assert type(problem.task) is WholeImages
        else:
            length = 10 if task in ("copying", "adding") else None
            problem = problems.build(task, length, Path())
        first = header(
            task=task,
            baseline=problem.task.baseline,
            loss_name=problem.task.loss_name,
            score_name=problem.task.score_name,
        )
        write_lines(tmp_path, "old", [first])
        write_lines(tmp_path, "new", [first | {"goal": problem.goal.as_dict()}])
        old, new = read(tmp_path).runs["goal"]
        assert old == new

    def test_a_task_that_had_none_has_no_goal_recorded(self, runs):
        last = evaluation(50, 0.0, 1.0)
        write_lines(runs, "a", [header(task="juggling"), last, end("finished", last)])
        study = Study(read(runs))
        assert solved_of(study) == ["goal not recorded"]
        assert goals_of(study) == [("Solved: juggling", "goal not recorded.")]
        assert study.logs.runs["solved_iteration"].isna().all()


class TestOfTables:
    @pytest.fixture
    def tables(self, small_report, tmp_path) -> Path:
        """A report's tables, in a folder of their own."""
        for name in TABLES:
            shutil.copy(small_report.page.parent / f"{name}.csv", tmp_path)
        return tmp_path

    def test_a_report_can_be_made_of_an_earlier_ones(self, tables, small_study):
        again = read(tables)
        for name in TABLES:
            assert_frame_equal(getattr(again, name), getattr(small_study.logs, name), rtol=1e-7)
        assert page_of(Study(again)).headlines == page_of(small_study).headlines
        assert goals_of(Study(again)) == goals_of(small_study)

    def test_test_lengths_and_probes_are_read_again(self, runs, tmp_path):
        last = evaluation(50, 0.01, 0.99)
        longer = [{"steps": 64, "loss": 0.02, "score": 0.98}]
        probes = [{"quantity": "product", "window": at, "score": 0.75, "guessing": 0.5} for at in (1, None)]
        ended = end("solved", last, longer_tests=longer, probes=probes)
        write_lines(runs, "a", [header(task="parity", length=40), last, ended])
        logs = read(runs)
        for name in TABLES:
            getattr(logs, name).to_csv(tmp_path / f"{name}.csv", index=False)
        assert_frame_equal(read(tmp_path).lengths, logs.lengths, rtol=1e-7)
        assert_frame_equal(read(tmp_path).probes, logs.probes, rtol=1e-7)

    def test_tables_from_before_test_lengths_have_none(self, tables, small_study):
        for name in ("lengths", "probes"):
            (tables / f"{name}.csv").unlink()
        runs = pd.read_csv(tables / "runs.csv")
        runs.drop(columns=["shortest_steps", "data"]).to_csv(tables / "runs.csv", index=False)
        again = read(tables)
        assert again.lengths.empty
        assert again.probes.empty
        assert_frame_equal(again.runs, small_study.logs.runs, rtol=1e-7)

    def test_tables_from_before_goals_are_judged_by_those_of_their_time(self, tables, small_study):
        gone = (("runs", "goal"), ("runs", "goal_ends"), ("runs", "family"), ("evaluations", "solved"))
        for name, column in gone:
            there = pd.read_csv(tables / f"{name}.csv")
            there.drop(columns=column).to_csv(tables / f"{name}.csv", index=False)
        now = Study(read(tables))
        assert page_of(now).headlines == page_of(small_study).headlines
        assert goals_of(now) == goals_of(small_study)

    def test_tables_from_before_protocols_and_clocks_are_of_the_papers_settings_and_the_wall(self, tables):
        runs = pd.read_csv(tables / "runs.csv")
        runs.drop(columns=["protocol", "clock"]).to_csv(tables / "runs.csv", index=False)
        again = read(tables)
        assert set(again.runs["protocol"]) == {"preset"}
        assert set(again.runs["clock"]) == {"wall"}

    def test_the_committed_ones_are_read(self):
        found = read(Path(__file__).parents[3] / "reports" / "experiments")
        assert set(found.runs["goal"]) == {
            "recall accuracy of at least 99 % and cross-entropy of at most 10 % of the baseline's",
            "mean squared error of at most 0.01",
            "accuracy of at least 95 %",
            "accuracy of at least 93 %",
            "accuracy over all steps of at least 99 %",
        }

    @pytest.mark.parametrize(
        ("name", "change", "message"),
        [
            ("runs", lambda text: "", "expected a table as a report writes it ("),
            ("runs", lambda text: text.split("\n")[0] + "\n", "expected at least one run, got none."),
            (
                "runs",
                lambda text: text.replace("loss_name", "name", 1),
                "expected a column 'loss_name', got run, ",
            ),
            ("runs", lambda text: text + text.split("\n")[1] + "\n", "expected each run once, got "),
            (
                "evaluations",
                lambda text: text.replace("copying-T100", "gone", 1),
                "expected runs of runs.csv, got ",
            ),
            ("evaluations", lambda text: text.replace(",50,", ",many,", 1), "expected a table as a report writes"),
            (
                "evaluations",
                lambda text: text.replace(",50,", ",-50,", 1),
                "expected iteration[0] to be a whole number from 0",
            ),
            (
                "evaluations",
                lambda text: text.replace(",50,", ",,", 1),
                "expected iteration[0] to be a whole number from 0 to ",
            ),
        ],
    )
    def test_what_is_wrong_is_said_with_the_file(self, name, change, message, tables):
        path = tables / f"{name}.csv"
        path.write_text(change(path.read_text()))
        with pytest.raises(AnalysisError, match=re.escape(f"{path}: {message}")):
            read(tables)

    def test_a_table_that_is_missing_is_said(self, tables):
        (tables / "anatomy.csv").unlink()
        with pytest.raises(AnalysisError, match=r"anatomy\.csv: cannot be read \(No such file or directory\)"):
            read(tables)
