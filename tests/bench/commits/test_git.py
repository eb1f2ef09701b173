"""git is asked about one repository, whatever stands in the environment and in a user's settings."""

import os
import subprocess
from pathlib import Path

import pytest

from bench import git
from bench.commits.checkouts import check_out, resolve
from bench.commits.checkouts import listed as commits_of
from bench.environment import measured_environment
from bench.errors import SweepError
from bench.history.commits import timed_commits
from bench.history.fill import fill
from tests.bench.repositories import git as command

# As git itself describes a signed commit to `git log`, on standard output and before the commit.
GPG = """#!/bin/sh
cat >/dev/null
echo "gpg: Signature made today" >&2
case "$*" in
    *--verify*) printf '\\n[GNUPG:] GOODSIG 1 A\\n' ;;
    *) printf '\\n[GNUPG:] SIG_CREATED \\n' >&2
       printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nabc\\n-----END PGP SIGNATURE-----\\n' ;;
esac
"""


def executable(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """Another repository, which all of git's variables name, as in a hook."""
    folder = tmp_path / "elsewhere"
    (folder / "urnn").mkdir(parents=True)
    command(folder, "init", "--quiet", "--initial-branch=theirs")
    for number in range(2):
        (folder / "urnn" / "a.py").write_text(f"{number}\n")
        command(folder, "add", ".")
        command(folder, "commit", "--quiet", "--message", f"Elsewhere {number}")
    variables = {
        "GIT_DIR": folder / ".git",
        "GIT_WORK_TREE": folder,
        "GIT_INDEX_FILE": folder / ".git" / "index",
        "GIT_OBJECT_DIRECTORY": folder / ".git" / "objects",
        "GIT_COMMON_DIR": folder / ".git",
        "GIT_PREFIX": "urnn/",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_CONFIG_PARAMETERS": "'log.showSignature=true'",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    return folder


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings of a user -> they hold for every git that reads any."""

    def hold(text: str) -> None:
        (tmp_path / "gitconfig").write_text(text)
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))

    return hold


def state(folder: Path) -> tuple[str, str, str]:
    """HEAD, what differs from it and all that refers to a commit."""
    return (
        (folder / ".git" / "HEAD").read_text(),
        command(folder, "status", "--porcelain"),
        command(folder, "for-each-ref"),
    )


def measure(checkout: Path, results: Path) -> str:
    """A suite that notes the commit that git says it measures."""
    environment = measured_environment("kept", 1)
    said = subprocess.run(
        ["git", "log", "-1", "--format=%H"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    (results / "0001.json").write_text(said.stdout.strip())
    return ""


def test_a_hooks_variables_neither_change_what_is_read_nor_the_repository_that_they_name(
    repository, elsewhere, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = state(elsewhere), state(repository)
    assert resolve("HEAD", repository).subject == "The second | of two"
    assert git.digits_of("HEAD", repository) == command(repository, "rev-parse", "HEAD")
    check_out(resolve("main~1", repository), tmp_path / "first", None, repository)
    assert (tmp_path / "first" / "urnn" / "__init__.py").read_text() == "TEXT = 'first'\n"
    fill("main", tmp_path / "history", lambda text: None, measure, repository)
    measured = {path.parent.name: path.read_text() for path in (tmp_path / "history").glob("*/0001.json")}
    assert measured == {one.digits: one.digits for one in timed_commits("main", repository)}
    assert len(measured) == 2
    assert (state(elsewhere), state(repository)) == before


def test_the_real_variables_do_change_what_git_says_without_it(repository, elsewhere):
    """So that the test above could fail."""
    said = subprocess.run(
        ["git", "log", "-1", "--format=%s"], cwd=repository, capture_output=True, text=True, check=True
    )
    assert said.stdout == "Elsewhere 1\n"


def test_signed_commits_and_a_users_settings_change_nothing_that_is_read(
    repository, settings, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        executable(hooks / name, f"#!/bin/sh\ntouch {tmp_path}/{name}\n")
    (tmp_path / "attributes").write_text("urnn/* export-ignore\n")
    monitor = executable(tmp_path / "monitor", "#!/bin/sh\nexit 1\n")
    settings(f"""
[log]
    showSignature = true
[gpg]
    program = {executable(tmp_path / "gpg", GPG)}
[color]
    ui = always
[core]
    quotePath = true
    pager = false
    autocrlf = true
    hooksPath = {hooks}
    attributesFile = {tmp_path / "attributes"}
    fsmonitor = {monitor}
[diff]
    external = false
[protocol "file"]
    allow = never
[i18n]
    logOutputEncoding = latin1
""")
    (repository / "urnn" / "__init__.py").write_text("TEXT = 'größer'\n")
    signed = ["-c", f"gpg.program={tmp_path / 'gpg'}", "commit", "--quiet", "--gpg-sign=1", "--no-verify"]
    command(repository, *signed, "--all", "--message", "Größer,\u2028\x0cin one line")
    assert "gpgsig" in command(repository, "cat-file", "commit", "HEAD")
    found = timed_commits("main", repository)
    assert [one.subject for one in found] == [
        "The first | of two",
        "The second | of two",
        "Größer,\u2028\x0cin one line",
    ]
    assert resolve("HEAD", repository) == found[-1]
    check_out(found[-1], tmp_path / "last", None, repository)
    assert (tmp_path / "last" / "urnn" / "__init__.py").read_bytes() == "TEXT = 'größer'\n".encode()
    assert not list(tmp_path.glob("post-*"))
    fill("main~1..main", tmp_path / "history", lambda text: None, measure, repository)
    assert (tmp_path / "history" / found[-1].digits / "0001.json").read_text() == found[-1].digits
    assert not list(tmp_path.glob("post-*"))


def test_settings_that_a_user_gives_in_the_environment_stay_and_the_pins_come_after_them():
    base = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_SSH": "ssh",
    }
    made = git.environment(base | {"GIT_DIR": "x", "GIT_PAGER": "less", "HOME": "/"})
    assert made.items() >= {**base, "GIT_CONFIG_COUNT": str(1 + len(git.PINNED)), "HOME": "/"}.items()
    assert made.keys().isdisjoint({"GIT_DIR", "GIT_PAGER"})
    assert made["GIT_CONFIG_KEY_1"] == next(iter(git.PINNED))
    assert git.environment({"GIT_CONFIG_COUNT": "many"})["GIT_CONFIG_COUNT"] == str(len(git.PINNED))
    assert measured_environment("kept", 1, base | {"GIT_DIR": "x"}).keys().isdisjoint({"GIT_DIR"})


class TestWhereTheBranchIsNot:
    @pytest.fixture
    def clone(self, repository, tmp_path) -> Path:
        """A clone on a detached head, without a branch of its own; origin's main is a commit further."""
        folder = tmp_path / "clone"
        command(tmp_path, "clone", "--quiet", str(repository), str(folder))
        command(folder, "checkout", "--quiet", "--detach", "HEAD~1")
        command(folder, "branch", "--quiet", "-D", "main")
        return folder

    def test_origins_is_taken(self, clone, repository):
        assert resolve("main", clone) == resolve("main", repository)
        assert resolve("main~1", clone) == resolve("main~1", repository) == resolve("HEAD", clone)
        assert timed_commits("main", clone) == timed_commits("main", repository)
        assert timed_commits("HEAD..main", clone) == timed_commits("main~1..main", repository)
        assert timed_commits("main^!", clone) == timed_commits("main~1..main", repository)

    def test_a_branch_of_ones_own_is_not_mended_by_origins(self, clone):
        command(clone, "branch", "--quiet", "main", "HEAD")
        assert resolve("main", clone).subject == "The first | of two"
        with pytest.raises(
            SweepError, match=r"^'main~1' names no commit here; known are main, origin/HEAD, origin/main$"
        ):
            resolve("main~1", clone)

    def test_a_head_without_commits_is_not_origins(self, clone):
        command(clone, "checkout", "--quiet", "--orphan", "new")
        assert git.digits_of("HEAD", clone) is None
        with pytest.raises(SweepError, match=r"^'HEAD' names no commit here; known are origin/HEAD, origin/main$"):
            resolve("HEAD", clone)


def test_a_branch_that_looks_like_an_option_is_a_name(repository):
    command(repository, "update-ref", "refs/heads/--all", "main~1")
    assert resolve("--all", repository) == resolve("main~1", repository)
    assert timed_commits("--all", repository) == timed_commits("main~1", repository)


@pytest.mark.parametrize(
    "revision", ["mian", "--output=x", "", "main:urnn", "^main", "main..main", "main main", "-"]
)
def test_a_revision_that_names_no_commit_says_what_there_is(repository, revision):
    with pytest.raises(SweepError, match=r"names no commit here; known are main$"):
        resolve(revision, repository)
    assert command(repository, "status", "--porcelain") == ""


def test_many_names_are_not_all_said(repository):
    for number in range(8):
        command(repository, "tag", f"v{number}")
    with pytest.raises(SweepError, match=r"; known are main, v0, v1, v2, v3, v4 and 3 more$"):
        resolve("mian", repository)


def test_a_shallow_clone_says_so(repository, tmp_path):
    folder, told = tmp_path / "shallow", []
    command(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", str(folder))
    with pytest.raises(SweepError, match=r"; this clone is shallow, and git fetch --unshallow gets the rest$"):
        resolve("main~1", folder)
    (only,) = timed_commits("main", folder, told.append)
    assert told == [
        f"this clone is shallow: commits before {only.name} are not seen; git fetch --unshallow gets them"
    ]
    fill("main", tmp_path / "history", told.append, measure, folder)
    assert (tmp_path / "history" / only.digits / "0001.json").read_text() == only.digits


def test_a_repository_without_commits_says_so(tmp_path):
    command(tmp_path, "init", "--quiet", "--initial-branch=main")
    with pytest.raises(SweepError, match=r"^'main' names no commit here; there are no commits yet$"):
        resolve("main", tmp_path)
    with pytest.raises(SweepError, match=r"^'main' is no range of commits here: .*; there are no commits yet$"):
        timed_commits("main", tmp_path)


@pytest.mark.parametrize("ask", [resolve, timed_commits])
class TestNoAccess:
    def test_an_archive_inside_another_repository_is_no_checkout(self, ask, repository):
        unpacked = repository / "unpacked"
        unpacked.mkdir()
        with pytest.raises(
            git.GitError, match=r"unpacked is no git checkout, and this needs its commits; get the project"
        ):
            ask("main", unpacked)

    def test_another_users_repository_says_how_to_trust_it(self, ask, repository, monkeypatch):
        monkeypatch.setattr(git, "KEPT", git.re.compile("GIT_TEST_ASSUME_DIFFERENT_OWNER"))
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
        monkeypatch.setenv("LANGUAGE", "de")
        message = (
            rf"^git does not read {repository}, which belongs to another user; if you trust it: "
            rf"git config --global --add safe\.directory {repository}$"
        )
        with pytest.raises(git.GitError, match=message):
            ask("main", repository)

    def test_no_git_and_no_folder(self, ask, repository, tmp_path, monkeypatch):
        with pytest.raises(git.GitError, match=rf"^there is no folder {tmp_path}/none$"):
            ask("main", tmp_path / "none")
        monkeypatch.setenv("PATH", str(tmp_path))
        message = r"^commits are read by git, which cannot be started here \(No such file or directory\)$"
        with pytest.raises(git.GitError, match=message):
            ask("main", repository)


def test_a_commit_without_a_subject_has_an_empty_one(repository):
    command(repository, "commit", "--quiet", "--allow-empty", "--allow-empty-message", "--message", "")
    assert resolve("HEAD", repository).subject == ""
    assert [one.subject for one in commits_of("main", repository)] == [
        "",
        "The second | of two",
        "The first | of two",
    ]


def test_the_users_own_environment_is_left_alone(elsewhere, repository):
    before = dict(os.environ)
    resolve("HEAD", repository)
    assert dict(os.environ) == before
