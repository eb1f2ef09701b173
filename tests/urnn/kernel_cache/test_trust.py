"""What another user could have written is never loaded."""

import os
import pwd
import re
import shlex
from pathlib import Path

import pytest

from tests.urnn.kernel_cache.kernels import ANOTHER, CODE, NAME, Builder, read
from urnn.backends import kernel_cache
from urnn.backends.kernel_cache import BuildError, trust


def of_another_user(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives a file away, or, where only root can, becomes another user to it."""
    if os.geteuid() == 0:
        os.chown(path, ANOTHER, -1, follow_symlinks=False)
        return
    status, really, inode = os.lstat(path), os.lstat, os.fstat

    def given(status_of):
        def injected(place, **options):
            found = status_of(place, **options)
            # A file that takes its place may have its inode, not its time.
            same = all(
                getattr(found, name) == getattr(status, name) for name in ("st_dev", "st_ino", "st_mtime_ns")
            )
            return os.stat_result((*found[:4], ANOTHER, *found[5:])) if same else found

        return injected

    monkeypatch.setattr(os, "lstat", given(really))
    monkeypatch.setattr(Path, "lstat", lambda place: os.lstat(place))
    monkeypatch.setattr(os, "fstat", given(inode))


def writable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.chmod(0o777)
    return folder


def writable_and_sticky(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.chmod(0o1777)
    return folder


def writable_by_a_group(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.chmod(0o770)
    monkeypatch.setattr(trust, "_is_trusted", lambda group: False)
    return folder


def below_a_writable_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.parent.chmod(0o777)
    return folder.parent


OPEN = (writable, writable_and_sticky, writable_by_a_group, below_a_writable_one)


@pytest.mark.parametrize("make", OPEN, ids=lambda make: make.__name__)
def test_a_cache_that_others_can_write_is_not_loaded_from(monkeypatch, tmp_path, make):
    folder = tmp_path / "above" / "a cache"
    monkeypatch.setenv("URNN_CACHE", str(folder))
    kernel_cache.content(NAME, lambda: b"planted")
    place = make(folder, monkeypatch)
    message = (
        f"compiled kernels are neither kept in {folder} nor loaded from there, since other users can write to "
        f"{place}, so every process compiles its own; run chmod go-w {shlex.quote(str(place))}, or name a folder "
        "of your own in URNN_CACHE"
    )
    with pytest.warns(RuntimeWarning, match=f"^{re.escape(message)}$"):
        assert kernel_cache.loaded(NAME, Builder(), read)[0] == CODE
    assert kernel_cache.content(NAME, Builder()) == CODE  # and said once
    assert (folder / NAME).read_bytes() == b"planted"


def test_a_cache_of_another_user_is_not_loaded_from(folder, monkeypatch):
    kernel_cache.content(NAME, lambda: b"planted")
    of_another_user(folder, monkeypatch)
    with pytest.warns(
        RuntimeWarning, match=rf"since {folder} belongs to another user \({ANOTHER}\), .*of your own in"
    ):
        assert kernel_cache.content(NAME, Builder()) == CODE


def test_a_link_of_another_user_is_not_followed(monkeypatch, tmp_path):
    monkeypatch.setenv("URNN_CACHE", str(tmp_path / "cache"))
    kernel_cache.content(NAME, lambda: b"planted")
    (tmp_path / "first").symlink_to(tmp_path / "second")
    (tmp_path / "second").symlink_to("cache")
    monkeypatch.setenv("URNN_CACHE", str(tmp_path / "first"))
    assert kernel_cache.content(NAME, Builder()) == b"planted"  # a user's own links are followed
    of_another_user(tmp_path / "second", monkeypatch)
    with pytest.warns(RuntimeWarning, match=rf"since {tmp_path / 'second'} belongs to another user"):
        assert kernel_cache.content(NAME, Builder()) == CODE


@pytest.mark.parametrize("which", [NAME, f"{NAME}.note"])
@pytest.mark.parametrize("how", ["of another user", "writable by others", "a link"])
def test_a_file_that_others_can_have_written_is_replaced(folder, monkeypatch, which, how):
    kernel_cache.content(NAME, lambda: b"planted")
    path = folder / which
    if how == "of another user":
        of_another_user(path, monkeypatch)
    elif how == "writable by others":
        path.chmod(0o666)
    else:
        path.rename(folder / "moved")
        path.symlink_to("moved")
    assert kernel_cache.content(NAME, Builder()) == CODE
    assert kernel_cache.content(NAME, build := Builder()) == CODE
    assert build.times == 0
    assert (folder / NAME).read_bytes() == CODE


def test_below_a_sticky_folder_a_users_own_cache_is_safe(monkeypatch, tmp_path):
    (tmp_path / "sticky").mkdir()
    (tmp_path / "sticky").chmod(0o1777)
    monkeypatch.setenv("URNN_CACHE", str(tmp_path / "sticky" / "cache"))
    kernel_cache.content(NAME, Builder())
    kernel_cache.content(NAME, build := Builder())
    assert build.times == 0


def test_a_users_own_group_is_no_other(monkeypatch):
    """Many systems give each user a group and let it write."""
    import grp

    def entry(name: str, members: list[str]) -> None:
        monkeypatch.setattr(grp, "getgrgid", lambda group: grp.struct_group((name, "x", group, members)))

    monkeypatch.setattr(pwd, "getpwuid", lambda user: pwd.struct_passwd(("ada", "x", 7, 7, "", "/", "/bin/sh")))
    entry("ada", [])
    assert trust._is_trusted(7)
    entry("ada", ["bob"])
    assert not trust._is_trusted(7)
    entry("users", [])
    assert not trust._is_trusted(7)
    assert trust._is_trusted(0)


def test_a_temporary_folder_in_which_others_can_rename_is_not_used(homeless, temporary):
    temporary.chmod(0o777)
    with pytest.raises(
        BuildError, match=r"cannot be loaded \(there is no temporary folder that other users cannot"
    ):
        kernel_cache.loaded(NAME, Builder(), read)
    with pytest.raises(BuildError, match=r"no temporary folder can be written .*; name one in TMPDIR"):
        kernel_cache.private().__enter__()
    temporary.chmod(0o1777)
    with kernel_cache.private() as folder:
        assert folder.parent == temporary
