"""The cache of kernels: built again if damaged, not loaded if others could write it, and nothing left behind."""

import errno
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from urnn.backends import kernel_cache
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import build as cuda_build
from urnn.backends.kernel_cache import BuildError

NAME, CODE = "urnn-kernel.so", b"machine code"
ANOTHER = 12345  # a user that is not this one


@pytest.fixture(autouse=True)
def temporary(monkeypatch, tmp_path) -> Path:
    """The only temporary folder, and nothing said yet."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(kernel_cache, "TEMPORARY", ())
    kernel_cache.warn_once.cache_clear()
    yield folder
    kernel_cache.warn_once.cache_clear()
    assert not list(folder.iterdir())


@pytest.fixture
def folder(monkeypatch, tmp_path) -> Path:
    """The cache, not made yet."""
    monkeypatch.setenv("URNN_CACHE", str(tmp_path / "a cache"))
    return tmp_path / "a cache"


class Builder:
    """Builds `CODE` and counts."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return CODE


def read(path: Path) -> bytes:
    """Stands for the loader."""
    return path.read_bytes()


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
    monkeypatch.setattr(kernel_cache, "TEMPORARY", (str(tmp_path / "another"),))
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


@pytest.fixture
def homeless(monkeypatch) -> None:
    """A user without HOME and without an entry in the list of users, as in many containers."""

    def unknown(user: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {user}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME", "URNN_CACHE"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_home_folder_one_warning_says_what_to_set(homeless):
    with pytest.warns(RuntimeWarning, match=r"no home folder .* every process .*; name a folder in URNN_CACHE"):
        assert kernel_cache.loaded(NAME, Builder(), read)[0] == CODE
    assert kernel_cache.loaded(NAME, Builder(), read)[0] == CODE


@pytest.mark.parametrize(("variable", "inside"), [("URNN_CACHE", "."), ("XDG_CACHE_HOME", "urnn")])
def test_a_named_cache_needs_no_home_folder(homeless, monkeypatch, tmp_path, variable, inside):
    monkeypatch.setenv(variable, str(tmp_path / "named"))
    kernel_cache.content(NAME, Builder())
    assert (tmp_path / "named" / inside / NAME).is_file()


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
    monkeypatch.setattr(kernel_cache, "_is_trusted", lambda group: False)
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
    assert kernel_cache._is_trusted(7)
    entry("ada", ["bob"])
    assert not kernel_cache._is_trusted(7)
    entry("users", [])
    assert not kernel_cache._is_trusted(7)
    assert kernel_cache._is_trusted(0)


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


LIVES = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("kernel_cache", sys.argv[1])
kernel_cache = sys.modules["kernel_cache"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kernel_cache)
with kernel_cache.scratch(Path(sys.argv[2])) as folder:
    (folder / "half.o").write_bytes(b"half an object file")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_build_leaves_is_removed_by_the_next_and_a_living_one_keeps_its_own(tmp_path):
    place = tmp_path / "shared"
    place.mkdir()
    others = [place / "urnn-build-a-file", place / "someone's"]
    others[0].touch()
    others[1].mkdir()
    command = [sys.executable, "-c", LIVES, kernel_cache.__file__, str(place)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as killed, subprocess.Popen(command, **pipes) as alive:
        left, kept = (Path(process.stdout.readline().strip()) for process in (killed, alive))
        killed.kill()
        killed.wait()
        assert (left / "half.o").exists()
        with kernel_cache.scratch(place) as own:
            assert set(place.iterdir()) == {own, kept, *others}
        assert (kept / "half.o").exists()
        alive.communicate("")
    assert alive.returncode == 0
    assert set(place.iterdir()) == set(others)


def test_a_folder_swept_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    lock, refused = kernel_cache._lock, [FileNotFoundError(), BlockingIOError()]

    def unlucky(folder: Path) -> int:
        if refused:
            shutil.rmtree(folder)
            raise refused.pop()
        return lock(folder)

    monkeypatch.setattr(kernel_cache, "_lock", unlucky)
    with kernel_cache.scratch(tmp_path) as folder:
        assert folder.is_dir()
    assert not refused


def test_without_locks_a_build_goes_on_and_sweeps_nothing(tmp_path, monkeypatch):
    left = Path(tempfile.mkdtemp(prefix=kernel_cache.SCRATCH, dir=tmp_path))

    def without(folder: Path) -> int:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(kernel_cache, "_lock", without)
    with kernel_cache.scratch(tmp_path) as folder:
        assert set(tmp_path.iterdir()) >= {left, folder}
    assert not folder.exists()


def test_a_kernel_that_another_process_is_building_is_left_alone_in_the_cache(folder):
    kernel_cache.content(NAME, Builder())
    with kernel_cache.scratch(folder) as theirs:
        kernel_cache.content("another", Builder())
        assert theirs.is_dir()


SOURCES = {"cpu": cpu_build.SOURCE, "cuda": cuda_build.SOURCE}


@pytest.mark.parametrize("kernel", SOURCES)
def test_every_source_is_part_of_the_key(kernel, tmp_path):
    """A header that the key forgets would leave an old kernel in the cache."""
    ours = SOURCES[kernel].parent
    included = {path.name for path in kernel_cache.sources(SOURCES[kernel])}
    assert included == {path.name for path in ours.glob(f"{kernel}*") if path.suffix != ".py"}
    for name in included:
        shutil.copy(ours / name, tmp_path)
    copy = tmp_path / SOURCES[kernel].name
    keys = {kernel_cache.key(copy)}
    for name in included:
        with (tmp_path / name).open("a") as file:
            file.write("// changed\n")
        keys.add(kernel_cache.key(copy))
    assert len(keys) == 1 + len(included)


@pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")
@pytest.mark.parametrize("kernel", SOURCES)
def test_the_compiler_includes_what_the_key_does(kernel):
    command = [*cpu_build.compiler(), "-MM", "-x", "c++", SOURCES[kernel]]
    rule = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    read = {Path(name).name for name in rule.partition(":")[2].replace("\\\n", " ").split()}
    assert read == {path.name for path in kernel_cache.sources(SOURCES[kernel])}


def test_includes_are_followed_however_they_are_written(tmp_path):
    (tmp_path / "a folder").mkdir()
    first = tmp_path / "first.cpp"
    first.write_text(
        '#include <vector>\n  #  include "second.h"\n#include <third.h>\n#include "a folder/fourth.h"\n'
    )
    (tmp_path / "second.h").write_text('#include "first.cpp"\n#include "generated.h"\n')
    (tmp_path / "third.h").write_text("// caf\xe9\n", encoding="latin-1")
    (tmp_path / "a folder" / "fourth.h").write_text('#include "fifth.h"\n')
    (tmp_path / "a folder" / "fifth.h").touch()
    names = {path.name for path in kernel_cache.sources(first)}
    assert names == {"first.cpp", "second.h", "third.h", "fourth.h", "fifth.h"}


def test_the_key_has_the_settings_and_a_missing_source_is_named(tmp_path):
    source = tmp_path / "kernel.cpp"
    with pytest.raises(BuildError, match=rf"source {source} cannot be read \(No such file.*; install urnn again"):
        kernel_cache.key(source)
    source.touch()
    assert kernel_cache.key(source, "-O2") != kernel_cache.key(source, "-O3") == kernel_cache.key(source, "-O3")
    assert kernel_cache.key(source, os.fsdecode(b"/a folder/\xff"))  # a path that is no UTF-8
