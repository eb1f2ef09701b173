"""A cache and a temporary folder of the test's own."""

import pwd
import tempfile
from pathlib import Path

import pytest

from urnn.backends.kernel_cache import scratch, warn_once


@pytest.fixture(autouse=True)
def temporary(monkeypatch, tmp_path) -> Path:
    """The only temporary folder, and nothing said yet."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(scratch, "TEMPORARY", ())
    warn_once.cache_clear()
    yield folder
    warn_once.cache_clear()
    assert not list(folder.iterdir())


@pytest.fixture
def folder(monkeypatch, tmp_path) -> Path:
    """The cache, not made yet."""
    monkeypatch.setenv("URNN_CACHE", str(tmp_path / "a cache"))
    return tmp_path / "a cache"


@pytest.fixture
def homeless(monkeypatch) -> None:
    """A user without HOME and without an entry in the list of users, as in many containers."""

    def unknown(user: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {user}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME", "URNN_CACHE"):
        monkeypatch.delenv(name, raising=False)
