"""The schedule of jobs with processes that measure nothing: order, needs, times measured alone, and the plan."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import reproduce
from bench.commands import main
from bench.errors import SweepError
from bench.paths import ROOT
from bench.reproduce import Result
from bench.studies.engine import running
from bench.studies.engine.jobs import planned
from bench.studies.engine.running import chosen, conditions_of, run_all, summary
from tests.bench.studies.hand_made import ALONE, BLOCKED, BLOCKED_TOO, ENDLESS, FAILS, FIRST, LATER, STUDY, job


@pytest.fixture(autouse=True)
def _fake_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(running, "CHILD", (sys.executable, str(Path(__file__).with_name("fake_child.py"))))
    monkeypatch.setattr(reproduce, "POLL_SECONDS", 0.01)


@pytest.fixture
def run(tmp_path):
    def done(*jobs, at_once=1, seconds=60.0, small=False, wanted=None) -> Result:
        wanted = jobs if wanted is None else wanted
        return run_all(jobs, wanted, conditions_of(wanted, tmp_path, at_once, seconds, small), small)

    return done


def order(runs: Path) -> list[str]:
    return (runs / "order").read_text().split()


def plan_of(runs: Path) -> dict:
    return json.loads((runs / "plan.json").read_text())


def test_the_most_important_jobs_of_all_studies_come_first_and_what_they_need_before_them(run, tmp_path):
    assert planned([STUDY], small=False) == [FIRST, LATER, ALONE]
    result = run(LATER, FIRST)
    assert order(tmp_path) == ["first", "later"]
    assert [one.name for one, _ in result.ended] == ["first", "later"]


def test_what_is_done_is_not_done_again_unless_its_settings_changed(run, tmp_path, capsys):
    run(FIRST)
    assert run(FIRST, LATER).before == [FIRST]
    assert order(tmp_path) == ["first", "later"]
    assert job("first", size=2).end(tmp_path) is None
    (tmp_path / "counting" / "later.json").write_text("{")
    assert LATER.end(tmp_path) is None
    assert "counting: count first: done in 2 s, 1 row; about 0 s left in all" in capsys.readouterr().out


def test_times_are_measured_while_nothing_else_is_going(tmp_path):
    choose = conditions_of([FIRST, ALONE], tmp_path, 2, 60.0, False).choose
    assert choose([ALONE, FIRST], [LATER]) is None
    assert choose([FIRST], [ALONE]) is None
    assert choose([ALONE, FIRST], []) is ALONE
    assert choose([FIRST, ALONE], [LATER]) is FIRST


def test_what_needs_a_job_that_failed_is_left_and_both_are_said(run, tmp_path):
    result = run(FAILS, BLOCKED, BLOCKED_TOO, FIRST, at_once=2)
    assert [(one.name, why) for one, why in result.failed] == [("fails", "no such luck")]
    assert result.not_run == [BLOCKED, BLOCKED_TOO]
    assert summary(result, 4) == [
        "1 of 4 jobs are done, 1 of them now.",
        "2 not run, because what they need failed: counting: count blocked; counting: count blocked-too.",
        "failed: counting: count fails: no such luck",
    ]
    assert [one["failed"] for one in plan_of(tmp_path)["jobs"]] == ["no such luck", None, None, None]
    run(FAILS, BLOCKED, FIRST, wanted=[FIRST])
    assert plan_of(tmp_path)["jobs"][0]["failed"] == "no such luck", "it was not tried again"


def test_the_plan_names_every_job_with_the_command_that_does_it(run, tmp_path):
    run(FIRST, LATER, wanted=[FIRST])
    assert plan_of(tmp_path) == {
        "format": 1,
        "small": False,
        "jobs": [
            {
                "study": "counting",
                "job": name,
                "title": f"count {name}",
                "settings": {"size": 1},
                "command": f"python -m bench related --only counting/{name}",
                "failed": None,
            }
            for name in ("first", "later")
        ],
    }


def test_when_the_time_is_up_what_is_going_is_stopped_and_the_rest_waits(run, tmp_path, monkeypatch):
    def monotonic() -> float:
        return 61.0 if (tmp_path / "counting" / "going").exists() else 0.0

    monkeypatch.setattr(reproduce, "time", SimpleNamespace(monotonic=monotonic, sleep=reproduce.time.sleep))
    result = run(ENDLESS, FIRST)
    assert (result.interrupted, result.not_run) == ([ENDLESS], [FIRST])
    assert summary(result, 2)[1:] == [
        "Interrupted, to go on with the same command: counting: count endless.",
        "1 not run, because the time was up; the same command goes on: counting: count first.",
    ]


def test_small_results_and_those_of_full_size_are_kept_apart(run, tmp_path):
    run(FIRST, small=True)
    with pytest.raises(SweepError) as caught:
        run(FIRST)
    assert str(caught.value) == (
        f"{tmp_path} was begun with --small; go on with it, or name another folder with --runs"
    )


def test_a_damaged_plan_is_named(run, tmp_path):
    (tmp_path / "plan.json").write_text('{"format": 9}')
    with pytest.raises(SweepError) as caught:
        run(FIRST)
    assert str(caught.value) == f"{tmp_path / 'plan.json'}: expected a plan of format 1, got 9; remove it"


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    runs = tmp_path / "file" / "runs"
    with pytest.raises(SweepError, match=r"cannot write to .*; name another folder with --runs"):
        run_all([FIRST], [FIRST], conditions_of([FIRST], runs, 1, 60.0, False), False)


def test_jobs_are_chosen_by_study_or_name_with_what_they_need():
    jobs = [FIRST, LATER, ALONE]
    assert chosen(jobs, ()) == chosen(jobs, ("counting",)) == jobs
    assert chosen(jobs, ("counting/later",)) == [FIRST, LATER]
    with pytest.raises(ValueError) as caught:
        chosen(jobs, ("counting/alone", "sorting"))
    assert str(caught.value) == "expected studies (counting) or their jobs, got 'sorting'; --list names them all"


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """`python -m bench related` with a study of these jobs -> exit code, output, errors."""

    def call(*jobs, more=()) -> tuple[int, str, str]:
        study = SimpleNamespace(name="counting", arxiv="0", jobs=lambda small: jobs)
        monkeypatch.setattr("bench.commands.related.every_study", lambda: [study])
        code = main(["related", f"--runs={tmp_path}", *more])
        return code, *capsys.readouterr()

    return call


def test_the_command_does_the_jobs_and_sums_up(command):
    assert command(FIRST, LATER, more=["--list"])[:2] == (
        0,
        "counting/first: count first, about 10 s\ncounting/later: count later, about 10 s\n",
    )
    code, out, _ = command(FIRST, LATER)
    assert code == 0
    assert out.endswith("2 of 2 jobs are done, 2 of them now.\n")
    assert command(FIRST, more=["--list"])[1] == "counting/first: count first, done\n"


def test_where_nothing_is_done_the_exit_code_is_2(command):
    code, _, error = command(FAILS)
    assert code == 2
    assert error == "error: no job is done, so there is nothing to report; the same command goes on\n"
    code, _, error = command(FIRST, more=["--only=sorting"])
    assert (code, error.startswith("error: expected studies (counting)")) == (2, True)


def test_ctrl_c_is_said_and_leaves_no_process(command, tmp_path, monkeypatch):
    def monotonic() -> float:
        if (tmp_path / "counting" / "going").exists():
            raise KeyboardInterrupt
        return 0.0

    monkeypatch.setattr(reproduce, "time", SimpleNamespace(monotonic=monotonic, sleep=reproduce.time.sleep))
    code, out, error = command(ENDLESS)
    assert (code, error) == (2, "error: interrupted; what was measured is kept, and the same command goes on\n")
    assert "Interrupted, to go on with the same command: counting: count endless.\n" in out
    assert os.listdir(tmp_path / "counting") == ["going"]
