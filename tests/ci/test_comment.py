"""`.ci/comment` writes one comment a pull request, and of a fork's verdict nothing but plain text."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from analysis.regressions.comparison import Comparison, NamedCommit
from analysis.regressions.judge import conclude
from analysis.regressions.outputs import MARK, markdown
from bench.paths import ROOT
from tests.ci.conftest import calls

pytestmark = pytest.mark.slow

SHA = "0123456789" * 4
PULLS = [{"number": 7, "head": {"sha": SHA}}]
BOT = {"type": "Bot", "login": "github-actions[bot]"}


def test_the_comment_is_found_again_by_the_mark_that_the_gate_writes():
    """Also where jq, which the other tests of the comment need, is not installed."""
    script = (ROOT / ".ci" / "comment").read_text()
    assert re.findall(r'^marker="(.*?)"', script, re.MULTILINE) == [MARK]
    assert markdown(Comparison(NamedCommit("a"), NamedCommit("b"), [], conclude([]))).startswith(f"{MARK}\n")


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
class TestComment:
    @pytest.fixture
    def comment(self, run, tmp_path):
        def called(
            verdict: str | bytes | None, comments=(), pulls=PULLS, **more: str
        ) -> subprocess.CompletedProcess:
            (tmp_path / "pulls.json").write_text(json.dumps(pulls))
            (tmp_path / "comments.json").write_text("".join(json.dumps([one]) for one in comments) or "[]")
            if verdict is not None:
                data = verdict.encode() if isinstance(verdict, str) else verdict
                (tmp_path / "verdict.md").write_bytes(data)
            asked = {"REPOSITORY": "us/urnn", "HEAD_REPOSITORY": "us/urnn", "HEAD_BRANCH": "fix", "HEAD_SHA": SHA}
            return run("comment", "verdict.md", **(asked | more))

        return called

    @pytest.fixture
    def from_fork(self, comment, tmp_path):
        """A verdict that a fork's run has written -> the lines of the comment."""

        def called(verdict: str | bytes) -> list[str]:
            done = comment(verdict, HEAD_REPOSITORY="them/urnn")
            assert (done.returncode, done.stdout) == (0, "comment: written under pull request 7\n")
            return self.sent(tmp_path).split("\n")

        return called

    def sent(self, folder: Path) -> str:
        return json.loads((folder / "sent.json").read_text())["body"]

    def test_the_first_verdict_is_a_new_comment(self, comment, tmp_path):
        done = comment(f"{MARK}\n\n| a | `$(b)` |\n")
        assert (done.returncode, done.stdout) == (0, "comment: written under pull request 7\n")
        assert self.sent(tmp_path) == f"{MARK}\n\n| a | `$(b)` |\n"
        assert "--method POST repos/us/urnn/issues/7/comments" in calls(tmp_path)[-1]
        assert "-f head=us:fix" in calls(tmp_path)[0]

    def test_what_the_gate_writes_is_found_again_by_its_mark_and_updated(self, comment, tmp_path):
        """The script and the analysis name the same mark: a comment is never repeated."""
        nothing = Comparison(NamedCommit("a", ""), NamedCommit("b", ""), [], conclude([]))
        text = markdown(nothing)
        comment(text)
        assert self.sent(tmp_path) == text
        done = comment(text, [{"id": 3, "user": BOT, "body": self.sent(tmp_path)}])
        assert done.stdout == "comment: updated under pull request 7\n"

    def test_later_ones_update_it_and_nobody_elses(self, comment, tmp_path):
        comments = [
            {"id": 1, "user": {"type": "User", "login": "me"}, "body": f"{MARK} mine"},
            {"id": 2, "user": BOT, "body": "another workflow's"},
            {"id": 3, "user": {"type": "Bot", "login": "echo[bot]"}, "body": f"{MARK} what someone had it say"},
            {"id": 4, "user": BOT, "body": f"quoted: {MARK}"},
            {"id": 5, "user": BOT, "body": f"{MARK}\nold"},
        ]
        done = comment("new", comments)
        assert done.stdout == "comment: updated under pull request 7\n"
        assert "--method PATCH repos/us/urnn/issues/comments/5" in calls(tmp_path)[-1]

    def test_a_pull_request_with_another_head_gets_none(self, comment, tmp_path):
        done = comment("new", pulls=[{"number": 7, "head": {"sha": "f" * 40}}])
        assert (done.returncode, "nothing to comment on" in done.stdout) == (0, True)
        gone = comment("new", HEAD_REPOSITORY="")
        assert (gone.returncode, gone.stdout) == (0, "comment: the fork is gone; nothing to comment on\n")
        assert not (tmp_path / "sent.json").exists()

    def test_a_forks_text_is_a_block_of_plain_text_that_it_cannot_leave(self, from_fork):
        text = f"{MARK}\n@everyone\n\n```\n~~~\n</pre> <!-- -->\n- [x](https://a.b)\r\r\n\n#1 | a |\n"
        mark, said, empty, *block = from_fork(text)
        assert (mark, empty) == (MARK, "")
        assert said == "The pull request comes from a fork. This is what its run of the gate has written:"
        assert block.pop() == ""
        assert block[0] == "    @everyone"
        assert "    - [x](https://a.b)" in block
        assert all(line.startswith("    ") for line in block), (
            "Markdown ends a block at a line that is indented less"
        )

    def test_a_forks_text_has_no_character_that_hides_or_turns_what_is_said(self, from_fork):
        block = from_fork("a\u202eb\u200bc\x1b[0m\x00d\x85e\u2066f\ufeffg\u2028h µ é 😀")[3]
        assert block == "    abc[0mdefgh µ é 😀"

    @pytest.mark.parametrize(
        "verdict", ["x" * 100_000, "\n" * 100_000, "`\n" * 100_000, "é" * 100_000, b"\xff" * 100_000]
    )
    def test_a_verdict_is_cut_to_what_github_takes(self, from_fork, verdict):
        assert 3000 < len("\n".join(from_fork(verdict))) < 65_536

    @pytest.mark.parametrize("kind", ["link", "folder", "pipe", "none", "linked folder"])
    def test_a_verdict_that_is_no_plain_file_is_not_read(self, comment, run, tmp_path, kind):
        (tmp_path / "secret").write_text("a token")
        path = tmp_path / "verdict.md"
        if kind == "link":
            path.symlink_to(tmp_path / "secret")
        elif kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        done = comment(None)
        if kind == "linked folder":
            (tmp_path / "real").mkdir()
            (tmp_path / "real" / "verdict.md").write_text("text")
            (tmp_path / "artifact").symlink_to(tmp_path / "real")
            asked = {"REPOSITORY": "us/urnn", "HEAD_REPOSITORY": "us/urnn", "HEAD_BRANCH": "fix", "HEAD_SHA": SHA}
            done = run("comment", "artifact/verdict.md", **asked)
        assert done.returncode == 2
        assert done.stderr.startswith("comment: expected a plain file with the verdict at '")
        assert calls(tmp_path) == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("REPOSITORY", ""),
            ("REPOSITORY", "us/urnn/issues/1"),
            ("HEAD_REPOSITORY", "them"),
            ("HEAD_BRANCH", ""),
            ("HEAD_BRANCH", "a\nb"),
            ("HEAD_SHA", "abc"),
            ("HEAD_SHA", "main"),
        ],
    )
    def test_an_environment_that_names_no_pull_request_is_refused(self, comment, tmp_path, name, value):
        done = comment("new", **{name: value})
        assert done.returncode == 2
        assert done.stderr.startswith(f"comment: expected {name} to ")
        assert calls(tmp_path) == []
