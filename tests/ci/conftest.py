"""The scripts that every CI calls, on a small repository with a stand-in for what they start.

Known weakness: bash, git and jq have to be there; `.ci/comment` alone needs jq and is skipped without it.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.git import environment as without_repository
from bench.paths import ROOT
from tests.bench.repositories import git

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


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `origin` and `checkout`, to be copied."""
    folder = tmp_path_factory.mktemp("repositories")
    origin, checkout = folder / "origin", folder / "checkout"
    origin.mkdir()
    git(origin, "init", "--quiet", "--initial-branch=main")
    git(origin, "commit", "--quiet", "--allow-empty", "--message", "First")
    git(origin, "branch", "release")
    git(origin, "commit", "--quiet", "--allow-empty", "--message", "Second")
    git(folder, "clone", "--quiet", "--depth=1", f"file://{origin}", str(checkout))
    shutil.copytree(ROOT / ".ci", checkout / ".ci")
    executable(checkout / ".venv" / "bin" / "python", PYTHON)
    executable(folder / "bin" / "make", MAKE)
    executable(folder / "bin" / "gh", GH)
    return folder


@pytest.fixture
def checkout(repositories: Path, tmp_path: Path) -> Path:
    """A clone of depth one with the scripts, whose origin has a branch and a commit that it does not."""
    shutil.copytree(repositories, tmp_path, dirs_exist_ok=True)
    settings = tmp_path / "checkout" / ".git" / "config"
    settings.write_text(settings.read_text().replace(str(repositories), str(tmp_path)))
    return tmp_path / "checkout"


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
