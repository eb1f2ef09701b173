"""The scripts that every CI calls, on a small repository with a stand-in for what they start.

Known weakness: bash, git and jq have to be there; `.ci/comment` alone needs jq and is skipped without it.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.worker import ROOT
from tests.bench.gate.conftest import git

# Stands in for the gate: notes how it was called, writes what it is told to, ends as it is told to.
PYTHON = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>calls.txt
while [ $# -gt 0 ]; do
    if [ "$1" = --markdown ] && [ -n "${VERDICT:-}" ]; then printf '%s\\n' "$VERDICT" >"$2"; fi
    shift
done
exit "${CODE:-0}"
"""
MAKE = """#!/usr/bin/env bash
printf 'make %s\\n' "$*" >>calls.txt
exit "${MAKE_CODE:-0}"
"""
# Stands in for GitHub: answers with files of its folder, and keeps what is sent to it.
GH = """#!/usr/bin/env bash
printf 'gh %s\\n' "$*" >>calls.txt
previous=
for argument in "$@"; do
    if [ "$previous" = --input ]; then cp "$argument" sent.json; fi
    previous=$argument
done
case "$*" in
    *"/pulls -f"*) cat pulls.json ;;
    *"--paginate"*) cat comments.json ;;
esac
"""


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A clone of depth one with the scripts, whose origin has a branch and a commit that it does not."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "--quiet", "--initial-branch=main")
    git(origin, "commit", "--quiet", "--allow-empty", "--message", "First")
    git(origin, "branch", "release")
    git(origin, "commit", "--quiet", "--allow-empty", "--message", "Second")
    folder = tmp_path / "checkout"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{origin}", str(folder))
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    executable(folder / ".venv" / "bin" / "python", PYTHON)
    executable(tmp_path / "bin" / "make", MAKE)
    executable(tmp_path / "bin" / "gh", GH)
    return folder


@pytest.fixture
def run(checkout, tmp_path):
    """A script with arguments and more environment -> what came of it."""

    def called(script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        kept = {name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"}
        environment = kept | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"} | variables
        command = [str(checkout / ".ci" / script), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return called


def calls(checkout: Path) -> list[str]:
    path = checkout / "calls.txt"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_gates_exit_code_and_verdict_come_through(run, checkout, tmp_path, code):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    done = run("gate", "HEAD", CODE=str(code), VERDICT="the table", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == code
    assert (checkout / ".gate" / "output" / "verdict.md").read_text() == "the table\n"
    assert summary.read_text() == "before\nthe table\n"
    assert calls(checkout) == [
        "make --silent .venv/ready",
        "-m bench gate --base HEAD --head HEAD "
        "--markdown .gate/output/verdict.md --json .gate/output/verdict.json",
    ]


def test_a_gate_that_dies_leaves_a_verdict_that_says_so(run, checkout):
    assert run("gate", "HEAD", CODE="137").returncode == 137
    text = (checkout / ".gate" / "output" / "verdict.md").read_text()
    assert text.startswith("**Not measured.** The gate ended with exit code 137 before it had a verdict")


def test_a_base_that_a_shallow_clone_lacks_is_fetched(run, checkout, tmp_path):
    assert run("gate", "release").returncode == 0
    base = git(tmp_path / "origin", "rev-parse", "release")
    assert f"--base {base} " in calls(checkout)[-1]


def test_a_base_that_nobody_has_is_one_line_and_exit_code_2(run, checkout):
    done = run("gate", "no-such")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "gate: no-such is no commit here and origin does not have it; name a branch or a commit"
    )
    assert calls(checkout) == []


def test_an_environment_that_cannot_be_set_up_measures_nothing(run, checkout):
    done = run("gate", "HEAD", MAKE_CODE="2")
    assert done.returncode == 2
    assert done.stderr == "gate: the environment could not be set up, so nothing was measured\n"


def test_the_history_is_published_with_the_reports(run, checkout):
    for page in ("reports/history", ".asv/html"):
        executable(checkout / page / "index.html", page)
    (checkout / "public").mkdir()
    (checkout / "public" / "old").touch()
    assert run("history", "v1..main").returncode == 0
    assert calls(checkout) == ["make history RANGE=v1..main"]
    assert (checkout / "public" / "reports" / "history" / "index.html").read_text() == "reports/history"
    assert (checkout / "public" / "asv" / "index.html").read_text() == ".asv/html"
    assert not (checkout / "public" / "old").exists()


def test_a_history_that_fails_publishes_nothing(run, checkout):
    assert run("history", MAKE_CODE="2").returncode == 2
    assert not (checkout / "public").exists()


def test_calibrating_takes_the_minutes_that_it_is_given(run, checkout):
    assert run("calibrate").returncode == 0
    assert run("calibrate", "5").returncode == 0
    assert calls(checkout) == ["make calibrate CALIBRATION_MINUTES=40", "make calibrate CALIBRATION_MINUTES=5"]


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
class TestComment:
    marker = "<!-- the gate's verdict -->"

    @pytest.fixture
    def comment(self, run, tmp_path):
        def called(verdict: str, pulls: list, comments: list) -> subprocess.CompletedProcess:
            (tmp_path / "pulls.json").write_text(json.dumps(pulls))
            (tmp_path / "comments.json").write_text(json.dumps(comments))
            (tmp_path / "verdict.md").write_text(verdict)
            head = {"HEAD_OWNER": "them", "HEAD_BRANCH": "fix", "HEAD_SHA": "abc"}
            return run("comment", "verdict.md", REPOSITORY="us/urnn", **head)

        return called

    def sent(self, folder: Path) -> str:
        return json.loads((folder / "sent.json").read_text())["body"]

    def test_the_first_verdict_is_a_new_comment(self, comment, tmp_path):
        done = comment("| a | `$(b)` |\n", [{"number": 7, "head": {"sha": "abc"}}], [])
        assert (done.returncode, done.stdout) == (0, "comment: written under pull request 7\n")
        assert self.sent(tmp_path) == f"{self.marker}\n| a | `$(b)` |\n"
        assert "--method POST repos/us/urnn/issues/7/comments" in calls(tmp_path)[-1]

    def test_later_ones_update_it_and_nobody_elses(self, comment, tmp_path):
        comments = [
            {"id": 1, "user": {"type": "User"}, "body": f"{self.marker} mine"},
            {"id": 2, "user": {"type": "Bot"}, "body": "another bot's"},
            {"id": 3, "user": {"type": "Bot"}, "body": f"{self.marker}\nold"},
        ]
        done = comment("new", [{"number": 7, "head": {"sha": "abc"}}], comments)
        assert done.stdout == "comment: updated under pull request 7\n"
        assert "--method PATCH repos/us/urnn/issues/comments/3" in calls(tmp_path)[-1]

    def test_a_pull_request_with_another_head_gets_none(self, comment, tmp_path):
        done = comment("new", [{"number": 7, "head": {"sha": "other"}}], [])
        assert (done.returncode, "nothing to comment on" in done.stdout) == (0, True)
        assert not (tmp_path / "sent.json").exists()

    def test_a_verdict_is_cut_to_what_github_takes(self, comment, tmp_path):
        comment("x" * 100_000, [{"number": 7, "head": {"sha": "abc"}}], [])
        assert len(self.sent(tmp_path)) < 65_536
