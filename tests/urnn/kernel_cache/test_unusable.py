"""A cache that cannot be used, for whatever reason, costs the building and one warning, never the kernel."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.urnn.kernel_cache.kernels import ANOTHER, CODE, NAME, Builder, read
from urnn.backends import kernel_cache
from urnn.backends.kernel_cache import scratch


def noexec(*folders: Path):
    """A loader that refuses files in folders that are mounted noexec."""

    def load(path: Path) -> Path:
        if path.is_relative_to(folders[0]) or path.is_relative_to(folders[-1]):
            raise OSError(f"{path}: failed to map segment from shared object")
        assert path.read_bytes() == CODE
        return path

    return load


def test_from_a_folder_mounted_noexec_a_copy_is_loaded_and_one_warning_says_so(folder, temporary):
    build = Builder()
    message = r"cannot be loaded from .*a cache \(.*failed to map .*mounted noexec\?\).* in URNN_CACHE"
    with pytest.warns(RuntimeWarning, match=message):
        path, _ = kernel_cache.loaded(NAME, build, noexec(folder))
    assert path.is_relative_to(temporary)
    # Neither built nor said again: a second warning would be an error here.
    kernel_cache.loaded(NAME, build, noexec(folder))
    assert build.times == 1


def test_where_the_temporary_folder_is_mounted_noexec_as_well_the_next_one_serves(
    folder, temporary, monkeypatch, tmp_path
):
    (tmp_path / "another").mkdir()
    monkeypatch.setattr(scratch, "TEMPORARY", (str(tmp_path / "another"),))
    with pytest.warns(RuntimeWarning, match="noexec"):
        path, _ = kernel_cache.loaded(NAME, Builder(), noexec(folder, temporary))
    assert path.is_relative_to(tmp_path / "another")


@contextmanager
def as_a_user() -> Iterator[None]:
    """Root's permissions hide a folder's."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(ANOTHER)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def public(monkeypatch) -> Iterator[Path]:
    """A cache that every user can read and none can write, with a temporary folder that the user can write."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        place = Path(name)
        monkeypatch.setenv("URNN_CACHE", str(place / "cache"))
        (place / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(place / "temporary"))
        if os.geteuid() == 0:
            os.chown(place / "temporary", ANOTHER, -1)
        (place / "cache").mkdir()
        place.chmod(0o755)
        yield place / "cache"
        (place / "cache").chmod(0o755)


def test_a_read_only_cache_costs_the_building_and_one_warning(public):
    public.chmod(0o555)
    with as_a_user():
        message = r"cannot be kept in .*cache \(Permission denied\), so every process .* in URNN_CACHE"
        with pytest.warns(RuntimeWarning, match=message):
            assert kernel_cache.loaded(NAME, Builder(), read)[0] == CODE
        assert kernel_cache.loaded(NAME, Builder(), read)[0] == CODE


def test_a_read_only_cache_that_has_the_kernel_serves_it(public):
    kernel_cache.content(NAME, Builder())
    public.chmod(0o555)
    with as_a_user():
        assert kernel_cache.loaded(NAME, build := Builder(), read)[0] == CODE
    assert build.times == 0


def test_a_stale_kernel_in_a_read_only_cache_is_passed_over(public):
    kernel_cache.content(NAME, lambda: b"stale")
    public.chmod(0o555)

    def choosy(path: Path) -> bytes:
        if path.read_bytes() == b"stale":
            raise OSError("libold.so.1: cannot open shared object file")
        return path.read_bytes()

    with as_a_user(), pytest.warns(RuntimeWarning, match="Permission denied"):
        assert kernel_cache.loaded(NAME, Builder(), choosy)[0] == CODE


@pytest.mark.parametrize(
    ("cache", "why"),
    [
        ("/dev/null/cache", "Not a directory|File exists"),
        ("/proc/cache", "No such file|Read-only|Permission|not perm"),
    ],
)
def test_a_cache_that_cannot_be_made_costs_the_building_and_one_warning(monkeypatch, cache, why):
    monkeypatch.setenv("URNN_CACHE", cache)
    with pytest.warns(RuntimeWarning, match=rf"cannot be kept in {cache} \(({why}).*\), so every process"):
        assert kernel_cache.content(NAME, Builder()) == CODE
    assert kernel_cache.content(NAME, Builder()) == CODE


def test_a_loop_of_links_is_no_cache(monkeypatch, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    monkeypatch.setenv("URNN_CACHE", str(tmp_path / "loop" / "cache"))
    with pytest.warns(RuntimeWarning, match=r"cannot be kept in .*loop/cache \(.*in URNN_CACHE"):
        assert kernel_cache.content(NAME, Builder()) == CODE


def test_a_full_disk_costs_the_building_and_one_warning(folder, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(RuntimeWarning, match=r"cannot be kept in .*\(No space left on device\)"):
        assert kernel_cache.content(NAME, Builder()) == CODE
    assert not list(folder.iterdir())


def test_without_a_home_folder_one_warning_says_what_to_set(homeless):
    with pytest.warns(RuntimeWarning, match=r"no home folder .* every process .*; name a folder in URNN_CACHE"):
        assert kernel_cache.loaded(NAME, Builder(), read)[0] == CODE
    assert kernel_cache.loaded(NAME, Builder(), read)[0] == CODE


@pytest.mark.parametrize(("variable", "inside"), [("URNN_CACHE", "."), ("XDG_CACHE_HOME", "urnn")])
def test_a_named_cache_needs_no_home_folder(homeless, monkeypatch, tmp_path, variable, inside):
    monkeypatch.setenv(variable, str(tmp_path / "named"))
    kernel_cache.content(NAME, Builder())
    assert (tmp_path / "named" / inside / NAME).is_file()
