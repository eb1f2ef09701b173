"""The folder of kernels: what is damaged is built again, and files appear whole or not at all."""

import fcntl
import os
import re
import stat
import threading
from pathlib import Path

import pytest

from tests.urnn.kernel_cache.kernels import CODE, NAME, Builder, read
from urnn.backends import kernel_cache
from urnn.backends.kernel_cache import BuildError
from urnn.backends.kernel_cache.scratch import scratch
from urnn.backends.kernel_cache.store import fetch, store


def test_a_kernel_is_built_once_and_kept_for_its_user_alone(folder):
    build = Builder()
    value, seconds = kernel_cache.loaded(NAME, build, read)
    assert (value, build.times) == (CODE, 1)
    assert kernel_cache.loaded(NAME, build, read) == (CODE, round(seconds, 3))
    assert kernel_cache.content(NAME, build) == CODE
    assert build.times == 1
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in folder.iterdir()) == [NAME, f"{NAME}.note"]


def test_folders_above_the_cache_are_made_for_the_user_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("URNN_CACHE", str(tmp_path / "one" / "two"))
    before = os.umask(0)
    try:
        kernel_cache.content(NAME, Builder())
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "one", tmp_path / "one" / "two")} == {0o700}
    # Not writable by others, whatever the umask: otherwise it would be built again each time.
    kernel_cache.content(NAME, build := Builder())
    assert build.times == 0


def cut(kernel: Path, note: Path) -> None:
    kernel.write_bytes(CODE[:5])


def empty(kernel: Path, note: Path) -> None:
    kernel.write_bytes(b"")


def flip(kernel: Path, note: Path) -> None:
    kernel.write_bytes(bytes([CODE[0] ^ 1]) + CODE[1:])


def forget_the_note(kernel: Path, note: Path) -> None:
    note.unlink()


def spoil_the_note(kernel: Path, note: Path) -> None:
    note.write_bytes(b"\xff\xfe\n")


def make_it_a_pipe(kernel: Path, note: Path) -> None:
    kernel.unlink()
    os.mkfifo(kernel)


def make_the_note_a_loop(kernel: Path, note: Path) -> None:
    note.unlink()
    note.symlink_to(note)


DAMAGES = (cut, empty, flip, forget_the_note, spoil_the_note, make_it_a_pipe, make_the_note_a_loop)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_kernel_never_reaches_the_loader_and_is_built_again(folder, damage):
    kernel_cache.loaded(NAME, Builder(), read)
    damage(folder / NAME, folder / f"{NAME}.note")
    build, seen = Builder(), []
    kernel_cache.loaded(NAME, build, lambda path: seen.append(path.read_bytes()))
    assert (build.times, seen) == (1, [CODE])
    kernel_cache.loaded(NAME, build, read)
    assert build.times == 1


@pytest.mark.parametrize("name", [NAME, f"{NAME}.note"])
def test_a_folder_in_a_files_place_costs_the_cache_and_nothing_else(folder, name):
    kernel_cache.loaded(NAME, Builder(), read)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.warns(RuntimeWarning, match=rf"^compiled kernels cannot be kept in {re.escape(str(folder))} \("):
        value, _ = kernel_cache.loaded(NAME, Builder(), read)
    assert value == CODE


@pytest.mark.parametrize("seconds", ["", "soon", "nan", "1e999"])
def test_a_note_without_a_time_leaves_it_unknown(folder, seconds):
    kernel_cache.content(NAME, Builder())
    note = folder / f"{NAME}.note"
    note.write_text(f"{note.read_text().split()[0]} {seconds}\n")
    assert kernel_cache.loaded(NAME, Builder(), read) == (CODE, None)


def test_a_kernel_that_does_not_load_does_not_stay(folder):
    def refuse(path: Path) -> None:
        raise OSError("undefined symbol: _ZTVN10__cxxabiv117__class_type_infoE")

    message = r"cannot be loaded \(undefined symbol: _ZTV.*reference; name another C\+\+ compiler in CXX"
    with pytest.raises(BuildError, match=message):
        kernel_cache.loaded(NAME, build := Builder(), refuse)
    assert build.times == 1
    assert not list(folder.iterdir())


def test_one_that_was_kept_and_does_not_load_is_built_again(folder):
    """As with a library whose own libraries are gone."""
    kernel_cache.content(NAME, lambda: b"stale")

    def choosy(path: Path) -> bytes:
        if path.read_bytes() == b"stale":
            raise OSError("libold.so.1: cannot open shared object file")
        return path.read_bytes()

    assert kernel_cache.loaded(NAME, Builder(), choosy)[0] == CODE
    assert (folder / NAME).read_bytes() == CODE


def test_files_are_on_the_disk_before_they_have_their_names_and_the_note_comes_last(folder, monkeypatch):
    done = []
    sync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        done.append(f"synced {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        sync(descriptor)

    def replaced(path: Path, target: Path) -> None:
        done.append(f"named {target.name}")
        replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    kernel_cache.content(NAME, Builder())
    assert done == [f"synced {NAME}", f"named {NAME}", f"synced {NAME}.note", f"named {NAME}.note"]


def test_a_kernel_that_another_process_is_building_is_left_alone_in_the_cache(folder):
    kernel_cache.content(NAME, Builder())
    with scratch(folder) as theirs:
        kernel_cache.content("another", Builder())
        assert theirs.is_dir()


def test_of_two_that_are_stored_at_once_one_is_kept_whole(folder, monkeypatch):
    """The second begins while the kernel of the first is in place and its note is not."""
    between, second_has_come = threading.Event(), threading.Event()
    flock, replace = fcntl.flock, Path.replace

    def asking(descriptor: int, how: int) -> None:
        if threading.current_thread().name == "second" and how == fcntl.LOCK_EX:
            second_has_come.set()
        flock(descriptor, how)

    def halting(path: Path, target: Path) -> Path:
        placed = replace(path, target)
        if threading.current_thread().name == "first" and not between.is_set():
            between.set()
            second_has_come.wait()
        return placed

    def second() -> None:
        store(NAME, b"two", 2.0)
        second_has_come.set()

    store(NAME, b"none", 0.0)
    monkeypatch.setattr(fcntl, "flock", asking)
    monkeypatch.setattr(Path, "replace", halting)
    writers = [
        threading.Thread(target=store, args=(NAME, b"one", 1.0), name="first"),
        threading.Thread(target=second, name="second"),
    ]
    writers[0].start()
    between.wait()
    writers[1].start()
    for writer in writers:
        writer.join()
    kept = fetch(NAME)
    assert (kept.code, kept.seconds) == (b"two", 2.0)
