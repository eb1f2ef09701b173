"""The scripts that every CI calls, on a small repository with a stand-in for what they start.

Known weakness: bash, git and jq have to be there; `.ci/comment` alone needs jq and is skipped without it.
"""

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
from bench.git import environment as without_repository
from bench.paths import ROOT
from tests.bench.repositories import git

pytestmark = pytest.mark.slow

# Stands in for the gate: notes how it was called, writes what it is told to, ends as it is told to.
PYTHON = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>calls.txt
while [ $# -gt 0 ]; do
    if [ "$1" = --markdown ] && [ -n "${VERDICT:-}" ]; then printf '%s\\n' "$VERDICT" >"$2"; fi
    if [ "$1" = --json ] && [ -n "${SAID:-}" ]; then printf '{\\n "exit_code": %s,\\n' "$SAID" >"$2"; fi
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
        kept = {name: value for name, value in without_repository().items() if name != "GITHUB_STEP_SUMMARY"}
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
    told = {"CODE": str(code), "SAID": str(code), "VERDICT": "the table"}
    done = run("gate", "HEAD", **told, GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == code
    assert (checkout / ".gate" / "output" / "verdict.md").read_text() == "the table\n"
    assert summary.read_text() == "before\nthe table\n"
    assert calls(checkout) == [
        "make --silent .venv/ready",
        "-m bench gate --base HEAD --head HEAD "
        "--markdown .gate/output/verdict.md --json .gate/output/verdict.json",
    ]


@pytest.mark.parametrize("code", ["0", "1", "137"])
def test_a_gate_that_dies_is_not_measured_and_leaves_a_verdict_that_says_so(run, checkout, code):
    """Python ends with 1 after any crash."""
    output = checkout / ".gate" / "output"
    output.mkdir(parents=True)
    (output / "verdict.md").write_text("an earlier one")
    (output / "verdict.json").write_text(f'{{\n "exit_code": {code},\n')
    assert run("gate", "HEAD", CODE=code).returncode == 2
    text = (output / "verdict.md").read_text()
    assert text.startswith(f"**Not measured.** The gate ended with exit code {code} before it had a verdict")
    assert run("gate", "HEAD", CODE="1", SAID="0", VERDICT="it passes").returncode == 2


def test_what_goes_wrong_in_the_script_itself_is_not_measured(run, checkout, tmp_path):
    told = {"CODE": "1", "SAID": "1", "VERDICT": "the table"}
    assert run("gate", "HEAD", **told, GITHUB_STEP_SUMMARY=str(tmp_path / "no" / "summary")).returncode == 1
    (checkout / "file").touch()
    assert run("gate", "HEAD", "file/output", **told).returncode == 2
    assert run("gate", "HEAD", "output", "more", **told).returncode == 2


@pytest.mark.parametrize(
    ("base", "message"),
    [
        (
            "--upload-pack=touch owned",
            "gate: expected a commit, branch or tag as the base, got the option '--upload",
        ),
        (
            "release:refs/heads/owned",
            "gate: release:refs/heads/owned is no commit here and origin does not have it",
        ),
        ("+release", "gate: +release is no commit here and origin does not have it"),
        ("release..main", "gate: release..main is no commit here and origin does not have it"),
        ("$(touch owned)", "gate: $(touch owned) is no commit here and origin does not have it"),
    ],
)
def test_a_base_is_neither_an_option_nor_a_command(run, checkout, tmp_path, base, message):
    before = git(checkout, "for-each-ref")
    done = run("gate", base)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(message)
    assert calls(checkout) == []
    assert not [*checkout.glob("*owned*"), *tmp_path.glob("*owned*")]
    assert git(checkout, "for-each-ref") == before


def test_a_folder_is_no_option(run):
    done = run("gate", "HEAD", "--output")
    assert (done.returncode, done.stderr) == (
        2,
        "gate: expected a folder for the verdict, got the option '--output'\n",
    )


def test_a_hooks_variables_name_no_other_repository(run, checkout, tmp_path):
    base = git(tmp_path / "origin", "rev-parse", "release")
    run("gate", "release", GIT_DIR=str(tmp_path / "origin" / ".git"), GIT_WORK_TREE=str(tmp_path / "origin"))
    assert f"--base {base} " in calls(checkout)[-1]
    assert git(checkout, "rev-parse", "FETCH_HEAD") == base
    assert not (tmp_path / "origin" / ".git" / "FETCH_HEAD").exists()


def test_a_whole_clone_stays_whole(run, checkout, tmp_path):
    git(checkout, "fetch", "--quiet", "--unshallow")
    git(tmp_path / "origin", "checkout", "--quiet", "-b", "later")
    git(tmp_path / "origin", "commit", "--quiet", "--allow-empty", "--message", "Third")
    run("gate", "later")
    assert f"--base {git(tmp_path / 'origin', 'rev-parse', 'later')} " in calls(checkout)[-1]
    assert git(checkout, "rev-parse", "--is-shallow-repository") == "false"


def test_a_tag_and_a_commit_are_fetched_too_and_without_a_network_what_is_known_of_origin_is_taken(
    run, checkout, tmp_path
):
    origin = tmp_path / "origin"
    git(origin, "tag", "v1", "release")
    base = git(origin, "rev-parse", "v1")
    run("gate", "v1")
    assert f"--base {base} " in calls(checkout)[-1]
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    tree = git(origin, "write-tree")
    other = git(origin, "commit-tree", tree, "-m", "Other")
    run("gate", other)
    assert f"--base {other} " in calls(checkout)[-1]
    git(checkout, "update-ref", "refs/remotes/origin/kept", base)
    origin.rename(tmp_path / "gone")
    run("gate", "kept")
    assert f"--base {base} " in calls(checkout)[-1]


def test_a_base_that_a_shallow_clone_lacks_is_fetched(run, checkout, tmp_path):
    assert run("gate", "release", SAID="0", VERDICT="it passes").returncode == 0
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
    assert not (checkout / ".gate" / "output" / "verdict.json").exists()


def test_the_history_is_published_with_the_reports(run, checkout):
    for page in ("reports/history", ".asv/html"):
        executable(checkout / page / "index.html", page)
    (checkout / "public").mkdir()
    assert run("history", "v1..main").returncode == 0
    (checkout / "public" / "old").touch()
    assert run("history", "v1..main").returncode == 0
    assert calls(checkout) == ["make history RANGE=v1..main"] * 2
    assert (checkout / "public" / "reports" / "history" / "index.html").read_text() == "reports/history"
    assert (checkout / "public" / "asv" / "index.html").read_text() == ".asv/html"
    assert not (checkout / "public" / "old").exists()


def test_a_history_that_fails_publishes_nothing(run, checkout):
    assert run("history", MAKE_CODE="2").returncode == 2
    assert not (checkout / "public").exists()


@pytest.fixture
def version(checkout) -> str:
    (checkout / "urnn").mkdir()
    (checkout / "urnn" / "__init__.py").write_text('"""The layer."""\n\n__version__ = "1.2.3"\n')
    return "1.2.3"


def test_a_release_is_built_and_checked(run, checkout, version):
    (checkout / "dist").mkdir()
    assert run("build", f"v{version}").returncode == 0
    assert calls(checkout) == [
        "make --silent .venv/ready",
        "-m build --outdir dist",
        "-m twine check --strict dist/*",
    ]


@pytest.mark.parametrize("tag", ["v1.2.4", "1.2.3", "v1.2.3.dev0"])
def test_a_release_of_another_version_is_not_built(run, checkout, version, tag):
    done = run("build", tag)
    wanted = (
        f"expected the tag v{version}, which is the version in urnn/__init__.py, got '{tag}'; set one of the two"
    )
    assert (done.returncode, done.stderr) == (2, f"build: {wanted}\n")
    assert calls(checkout) == []


def test_a_release_does_not_take_earlier_files_along(run, checkout, version):
    executable(checkout / "dist" / "urnn-1.0.0.tar.gz", "")
    done = run("build")
    assert done.returncode == 2
    assert done.stderr == (
        "build: 'dist' holds earlier files, which would be published too; remove it, or name another folder\n"
    )
    assert calls(checkout) == []


def test_a_release_is_not_built_where_its_tools_are_missing(run, checkout, version):
    done = run("build", MAKE_CODE="2")
    assert done.stderr == "build: the environment could not be set up, so nothing was built\n"
    assert done.returncode == 2


@pytest.mark.parametrize("kind", ["folder", "link", "file"])
def test_what_the_history_has_not_written_is_not_replaced(run, checkout, tmp_path, kind):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "index.html").write_text("mine")
    public = checkout / "public"
    if kind == "folder":
        precious.rename(public)
    elif kind == "link":
        public.symlink_to(precious)
    else:
        public.write_text("mine")
    done = run("history")
    assert (done.returncode, done.stderr.startswith("history: 'public' ")) == (2, True)
    assert calls(checkout) == []
    assert ((public / "index.html") if kind != "file" else public).read_text() == "mine"


@pytest.mark.parametrize(
    ("script", "argument"),
    [
        *(
            ("history", text)
            for text in ("--all", "main;touch owned", "$(touch owned)", "main\ntouch owned", "a b")
        ),
        *(("calibrate", text) for text in ("-1", "soon", "nan", "1;touch owned", "", "5 minutes", "9" * 30)),
    ],
)
def test_an_argument_that_make_would_hand_to_a_shell_is_refused(run, checkout, script, argument):
    done = run(script, argument)
    if argument:
        assert done.returncode == 2
        assert done.stderr.startswith(f"{script}: expected ")
        assert calls(checkout) == []
    else:
        assert calls(checkout) == ["make calibrate CALIBRATION_MINUTES=40"]


def test_calibrating_takes_the_minutes_that_it_is_given(run, checkout):
    assert run("calibrate").returncode == 0
    assert run("calibrate", "5").returncode == 0
    assert calls(checkout) == ["make calibrate CALIBRATION_MINUTES=40", "make calibrate CALIBRATION_MINUTES=5"]


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
