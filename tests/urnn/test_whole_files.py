"""A file is the old one or the new one, whole and on the disk, whatever ends the process that writes it."""

import os
import stat

import pytest

from urnn.files import write_atomically, write_new


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_killed_in_the_middle_the_old_file_is_whole(step, tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, killed)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_the_name_and_the_name_before_it_returns(tmp_path, monkeypatch):
    path, order = tmp_path / "file", []
    sync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        order.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    def renamed(source, target, **_: object) -> None:
        order.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    write_atomically(path, b"content")
    assert order == [f"{path}.tmp", "rename", str(tmp_path)]


def test_a_new_file_replaces_none_and_has_the_permissions_asked_for(tmp_path):
    path = tmp_path / "file"
    write_new(path, b"content", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_new(path, b"other")
    assert path.read_bytes() == b"content"


def test_what_a_killed_process_has_left_is_replaced(tmp_path):
    (tmp_path / "file.tmp").write_bytes(b"half")
    write_atomically(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
