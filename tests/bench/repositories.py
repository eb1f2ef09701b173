"""Commits for tests: two that exist by name alone, and git on a repository of a test's own."""

import os
import subprocess
from pathlib import Path

from bench.commits.checkouts import Commit
from bench.git import environment

BASE = Commit("a" * 40, "2026-01-01T00:00:00+00:00", "Before")
HEAD = Commit("b" * 40, "2026-01-02T00:00:00+00:00", "After")


def git(repository: Path, *arguments: str) -> str:
    """What git prints, without the settings of whoever runs the tests, and not about their repository."""
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    here = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *who, *arguments],
        cwd=repository,
        env=environment() | here,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
