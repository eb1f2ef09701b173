"""Whose packages measure: this interpreter's where both sides want the same, asv's where they do not."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.commits import environments
from bench.commits.environments import build, interpreters
from bench.errors import SweepError
from tests.bench.repositories import BASE, HEAD

COMMITS = {"base": BASE, "head": HEAD}
HERE = dict.fromkeys(COMMITS, Path(sys.executable))


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What a kind of environments comes to, where the sides' constraints are these."""

    def ask(kind: str, base: str = "torch==2", head: str = "torch==2") -> tuple[dict, str, list[str]]:
        logged: list[str] = []
        folders = {}
        for side, text in (("base", base), ("head", head)):
            folders[side] = tmp_path / side
            folders[side].mkdir()
            (folders[side] / "constraints.txt").write_text(text)
        monkeypatch.setattr(
            environments, "build", lambda commit, checkout, folder: checkout / folder.name / "python"
        )
        return (*interpreters(kind, COMMITS, folders, logged.append), logged)

    return ask


@pytest.mark.parametrize("kind", ["auto", "current"])
def test_one_interpreter_measures_both_sides_where_they_want_the_same(asked, kind):
    assert asked(kind) == (HERE, "", [])


def test_where_they_differ_asv_builds_an_environment_for_each(asked, tmp_path):
    found, remark, logged = asked("auto", head="torch==3")
    assert found == {side: tmp_path / side / side / "python" for side in COMMITS}
    assert remark.endswith("that asv built, because their dependencies differ")
    assert logged == [
        "base: asv builds an environment for aaaaaaaa",
        "head: asv builds an environment for bbbbbbbb",
    ]


def test_asvs_environments_can_be_asked_for(asked):
    found, remark, _ = asked("asv")
    assert found != HERE
    assert remark.endswith("because it was asked for")


def test_this_interpreter_for_different_dependencies_is_noted(asked):
    found, remark, _ = asked("current", head="torch==3")
    assert found == HERE
    assert remark == "base and head want other dependencies, and both were measured with this interpreter's"


def test_an_environment_that_asv_cannot_build_is_a_sentence(tmp_path):
    (tmp_path / "asv.conf.json").write_text('{"version": 1, "repo": ".", "environment_type": "no-such"}')
    with pytest.raises(SweepError, match=r"^asv cannot build an environment for aaaaaaaa: .+"):
        build(BASE, tmp_path, tmp_path / "environments")


def test_asv_hears_of_no_other_repository_and_its_last_line_is_the_interpreter(tmp_path, monkeypatch):
    asked = []

    def run(command, folder, environment) -> subprocess.CompletedProcess:
        asked.append((command[-3:], environment))
        return subprocess.CompletedProcess(command, 0, "Building\n/somewhere/python\n", "")

    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setattr(environments.children, "run", run)
    assert build(BASE, tmp_path, tmp_path / "made") == Path("/somewhere/python")
    ((arguments, environment),) = asked
    assert arguments == [str(tmp_path), str(tmp_path / "made"), BASE.digits]
    assert "GIT_DIR" not in environment


def test_without_asv_the_message_names_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "asv", None)
    with pytest.raises(
        SweepError, match=r"^asv is not installed here; install it, or use --environments current$"
    ):
        build(BASE, tmp_path, tmp_path)
