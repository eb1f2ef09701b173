"""A small repository with two commits, and folders of a gate on hand-made plans."""

import os
import subprocess
from pathlib import Path

import pytest

from bench.gate.checkouts import Commit
from bench.gate.folder import Folder
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


@pytest.fixture
def repository(tmp_path) -> Path:
    """Two commits of a product and its suite; the second changes both."""
    folder = tmp_path / "repository"
    for package in ("urnn", "bench", "analysis"):
        (folder / package).mkdir(parents=True)
    (folder / "pyproject.toml").write_text("")
    git(folder, "init", "--quiet", "--initial-branch=main")
    for text in ("first", "second"):
        for package in ("urnn", "bench", "analysis"):
            (folder / package / "__init__.py").write_text(f"TEXT = {text!r}\n")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", f"The {text} | of two")
    return folder


@pytest.fixture
def folder(tmp_path) -> Folder:
    return open_folder(tmp_path / "gates")


def open_folder(results: Path, cells=("one", "two"), fresh: bool = False, **conditions: object) -> Folder:
    plan = {
        "cells": list(cells),
        "absent": {"base": [], "head": []},
        "sentinel": "lstm:torch",
        "again": "",
        "commands": {},
    }
    return Folder.open(results, BASE, HEAD, {"threads": 1, **conditions}, plan, fresh=fresh)
