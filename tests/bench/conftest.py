"""The suite under test sees no settings from outside, and leaves no process behind."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bench.environment import KEPT_HEAP
from bench.machine import lock
from tests.bench.repositories import git


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URNN_BACKEND", "URNN_BENCH_PROFILE", "FORCE_COLOR", "TTY_COMPATIBLE", *KEPT_HEAP):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", autouse=True)
def _own_lock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Workers that test at the same time do not wait for each other as for somebody who measures."""
    folder = tmp_path_factory.mktemp("lock")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lock, "place", lambda: folder)
        yield


@pytest.fixture(autouse=True)
def _tf32_as_it_was() -> Iterator[None]:
    """What a cell's dtype says of TF32 stays set in the process, and torch.export fails over it afterwards."""
    places = [torch.backends.cuda.matmul, torch.backends.cudnn.rnn, torch.backends.cudnn.conv]
    before = [place.fp32_precision for place in places]
    yield
    for place, precision in zip(places, before, strict=True):
        place.fp32_precision = precision


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen]]:
    """The guards of the measuring processes, in the order of their start; none may outlive the test."""
    started: list[subprocess.Popen] = []

    class Recorded(subprocess.Popen):
        def __init__(self, command, *args, **options):
            super().__init__(command, *args, **options)
            if "--benchmark-only" in command:
                started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    yield started
    alive = [process for process in started if process.poll() is None]
    for process in alive:
        process.kill()
        process.wait()
    assert not alive, "a measuring process was left behind"


@pytest.fixture(scope="session")
def two_commits(tmp_path_factory) -> Path:
    """Two commits of a product and its suite; the second changes both."""
    folder = tmp_path_factory.mktemp("two_commits")
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
def repository(two_commits, tmp_path) -> Path:
    """A copy of `two_commits` for one test."""
    return shutil.copytree(two_commits, tmp_path / "repository")
