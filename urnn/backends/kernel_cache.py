"""The cache of compiled kernels: how one is found there, built, kept and loaded, the same way for every kernel.

A kernel is a file named by a key of all that it was made of, beside a note with its checksum. What does not match
its note is built again, so that a truncated library never reaches the loader. What another user could have put
there is never loaded: every folder from the root down and the file itself must belong to this user or to root, and
must not be writable by others. Where the cache cannot be used, a kernel is built for this process alone and one
warning says what to do. Files are synced, then renamed into place, the note last.
"""

import contextlib
import hashlib
import math
import os
import re
import shlex
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

POSIX = os.name == "posix"  # fcntl, grp and pwd, which only a POSIX system has, are imported where they are used
SCRATCH = "urnn-build-"  # how the names of folders begin that are there for one build
LOCK = "lock"  # the file in such a folder that a living process holds
TEMPORARY = ("/var/tmp", "/dev/shm")  # tried where TMPDIR will not do

Loaded = TypeVar("Loaded")


class BuildError(RuntimeError):
    """A kernel cannot be built here; the message says why and what to do."""


class _CacheError(Exception):
    """The cache cannot be used; the message is the warning."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(f"{why}, so every process compiles its own; {remedy}")


@dataclass(frozen=True)
class _Kernel:
    """A kernel from the cache or just built.

    Attributes:
        seconds: what building it took; None where that is not known.
        path: where it is in the cache; None where it could not be kept.
        fresh: it was built now.
        complaint: what to tell the user about the cache.
    """

    name: str
    code: bytes
    seconds: float | None
    path: Path | None
    fresh: bool
    complaint: str | None = None


def cache_folder() -> Path:
    """Where kernels are kept: URNN_CACHE, or urnn in the user's cache folder.

    Raises:
        RuntimeError: neither URNN_CACHE nor XDG_CACHE_HOME is set and the user has no home folder.
    """
    if asked := os.environ.get("URNN_CACHE"):
        return Path(asked)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "urnn")


def key(source: Path, *settings: object) -> str:
    """Sixteen hexadecimal digits that change with the settings, the source and whatever it includes.

    Raises:
        BuildError: the source cannot be read.
    """
    digest = hashlib.sha256(repr(settings).encode())
    for path in sources(source):
        digest.update(repr((path.name, _source(path))).encode())
    return digest.hexdigest()[:16]


def sources(first: Path) -> list[Path]:
    """The file and all files beside it that it includes, directly or through others."""
    found, ahead = [], [first]
    while ahead:
        path = ahead.pop()
        if path in found:
            continue
        found.append(path)
        names = re.findall(rb'^\s*#\s*include\s*["<]([^">]+)[">]', _source(path), re.MULTILINE)
        included = [path.parent / os.fsdecode(name) for name in names]
        ahead += [path for path in included if path.is_file()]  # the others are the compiler's own
    return found


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BuildError(
            f"the kernel's source {path} cannot be read ({error.strerror}), so the uRNN runs on its eager "
            "reference; install urnn again"
        ) from error


def content(name: str, build: Callable[[], bytes]) -> bytes:
    """A kernel's bytes from the cache, or from `build`, which are then kept."""
    kernel = _kernel(name, build)
    warn_once(kernel.complaint)
    return kernel.code


def loaded(name: str, build: Callable[[], bytes], load: Callable[[Path], Loaded]) -> tuple[Loaded, float | None]:
    """What `load` makes of a kernel's file, and the seconds that building it took.

    A file that `load` refuses with an OSError does not stay in the cache. Where the folder is to blame (a noexec
    mount), a copy in a temporary folder is loaded instead.

    Raises:
        BuildError: the kernel cannot be built, or `load` refuses it wherever it lies.
    """
    failure = None
    for anew in (False, True):
        kernel = _kernel(name, build, anew)
        try:
            value, complaint = _load(kernel, load)
        except OSError as error:
            failure = error
            _discard(kernel)
            if kernel.fresh:
                break
        else:
            warn_once(complaint)
            return value, kernel.seconds
    raise BuildError(
        f"the compiled kernel cannot be loaded ({failure}), so the uRNN runs on its eager reference; name another "
        "C++ compiler in CXX"
    ) from failure


@cache
def warn_once(complaint: str | None) -> None:
    """Tells the user, where there is something to tell, once a process."""
    if complaint:
        warnings.warn(complaint, RuntimeWarning, stacklevel=2)


def _kernel(name: str, build: Callable[[], bytes], anew: bool = False) -> _Kernel:
    kept = None if anew else _kept(name)
    if kept:
        return kept
    start = time.perf_counter()
    code = build()
    return _keep(name, code, time.perf_counter() - start)


def _kept(name: str) -> _Kernel | None:
    """The kernel from the cache; None where it is not there, is not what was written, or others could write it."""
    try:
        path = _folder() / name
    except _CacheError:
        return None
    code, note = _read(path), _read(_note(path))
    if code is None or note is None:
        return None
    digest, _, seconds = note.decode(errors="replace").partition(" ")
    return _Kernel(name, code, _number(seconds), path, fresh=False) if digest == _checksum(code) else None


def _keep(name: str, code: bytes, seconds: float) -> _Kernel:
    """Puts a kernel into the cache, where that can be used."""
    try:
        path = _folder() / name
        _put(path, code, f"{_checksum(code)} {seconds:.3f}\n".encode())
    except _CacheError as error:
        return _Kernel(name, code, seconds, None, fresh=True, complaint=str(error))
    return _Kernel(name, code, seconds, path, fresh=True)


def _put(path: Path, code: bytes, note: bytes) -> None:
    """Replaces a kernel and its note.

    Processes that do so at once may leave the kernel of one and the note of another, which is a damaged kernel.
    """
    try:
        with scratch(path.parent) as folder:
            for place, data in ((path, code), (_note(path), note)):
                write(folder / place.name, data)
                (folder / place.name).replace(place)
    except OSError as error:
        raise _not_writable(path.parent, error) from error


def _discard(kernel: _Kernel) -> None:
    if kernel.path is not None:
        for path in (_note(kernel.path), kernel.path):
            with contextlib.suppress(OSError):  # a cache that cannot be written: passed over, as it is at each use
                path.unlink(missing_ok=True)


def _note(path: Path) -> Path:
    """The file beside a kernel that has its checksum and says what building it took."""
    return path.with_name(f"{path.name}.note")


def _checksum(code: bytes) -> str:
    return hashlib.sha256(code).hexdigest()


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _read(path: Path) -> bytes | None:
    """A regular file that only this user or root can have written; None for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (0, os.geteuid()) or _shared(status):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def write(path: Path, data: bytes) -> None:
    """A new file that is on the disk when this returns."""
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o644)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


# --- Loading ---


def _load(kernel: _Kernel, load: Callable[[Path], Loaded]) -> tuple[Loaded, str | None]:
    """The loaded kernel and what to tell the user; OSError where it does not load wherever it lies."""
    if kernel.path is None:
        return _load_copy(kernel, load), kernel.complaint
    try:
        return load(kernel.path), None
    except OSError as error:
        value = _load_copy(kernel, load)
        return value, (
            f"the compiled kernel cannot be loaded from {kernel.path.parent} ({error}; is it mounted noexec?), so "
            "every process loads a copy in a temporary folder; name a folder that allows it in URNN_CACHE"
        )


def _load_copy(kernel: _Kernel, load: Callable[[Path], Loaded]) -> Loaded:
    """From the first temporary folder that allows it; a loaded library needs its file no longer."""
    failures = []
    for parent in _temporary_folders():
        try:
            with scratch(parent) as folder:
                write(folder / kernel.name, kernel.code)
                return load(folder / kernel.name)
        except OSError as error:
            failures.append(error)
    raise failures[0] if failures else OSError("there is no temporary folder that other users cannot change")


# --- Folders for one build ---


@contextlib.contextmanager
def private() -> Iterator[Path]:
    """A temporary folder that other users cannot change, for one build.

    Raises:
        BuildError: there is no such folder.
    """
    with contextlib.ExitStack() as stack:
        for parent in _temporary_folders():
            with contextlib.suppress(OSError):
                folder = stack.enter_context(scratch(parent))
                break
        else:
            raise BuildError(
                "no temporary folder can be written that other users cannot change, so the uRNN runs on its eager "
                "reference; name one in TMPDIR"
            )
        yield folder


def _temporary_folders() -> list[Path]:
    """Those in which nobody else can change a new folder of this process."""
    named = []
    with contextlib.suppress(FileNotFoundError):  # raised where no folder at all can be written
        named.append(tempfile.gettempdir())
    there = [Path(name).absolute() for name in (*named, *TEMPORARY) if os.path.isdir(name)]
    trusted = [os.path.realpath(folder) for folder in there if _fault(folder, in_sticky=True) is None]
    return [Path(folder) for folder in dict.fromkeys(trusted)]


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, removed at the end, as is what processes that were killed have left there."""
    _sweep(parent)
    folder, lock = _claimed(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _claimed(parent: Path) -> tuple[Path, int | None]:
    """A new folder and the lock that tells other processes that this one lives."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent))
        try:
            return folder, _lock(folder)
        except (BlockingIOError, FileNotFoundError):
            continue  # swept by another process before it was locked
        except OSError:
            return folder, None  # a file system without locks, where nothing is swept either


def _sweep(parent: Path) -> None:
    """Removes the folders of this user's processes that are gone."""
    for folder in parent.glob(f"{SCRATCH}*"):
        try:
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            lock = _lock(folder)
        except OSError:
            continue  # held by a living process, or swept by another one
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _lock(folder: Path) -> int:
    """Holds a folder's lock until the descriptor returned is closed.

    Raises:
        BlockingIOError: another process holds it.
        FileNotFoundError: another process has removed the folder.
        OSError: the file system has no locks.
    """
    import fcntl

    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (folder / LOCK).lstat()
    except BaseException:
        os.close(lock)
        raise
    return lock


# --- Trust ---


def _folder() -> Path:
    """The cache, made where it is not there yet, without links on its path.

    Raises:
        _CacheError: it cannot be made, or other users could put kernels there.
    """
    if not POSIX:
        raise _CacheError("compiled kernels are kept on Linux and macOS alone", "nothing is to be done")
    try:
        folder = cache_folder().absolute()
    except RuntimeError as error:
        raise _CacheError(
            "there is no home folder to keep compiled kernels in", "name a folder in URNN_CACHE"
        ) from error
    except OSError as error:  # a relative URNN_CACHE in a working folder that is gone
        raise _not_writable(cache_folder(), error) from error
    try:
        _make(folder)
        fault = _fault(folder)
        if fault is None:
            return Path(os.path.realpath(folder))
    except OSError as error:
        raise _not_writable(folder, error) from error
    why, remedy = fault
    raise _CacheError(
        f"compiled kernels are neither kept in {folder} nor loaded from there, since {why}",
        f"{remedy}name a folder of your own in URNN_CACHE",
    )


def _not_writable(folder: Path, error: OSError) -> _CacheError:
    return _CacheError(
        f"compiled kernels cannot be kept in {folder} ({error.strerror})",
        "name a folder that can be written in URNN_CACHE",
    )


def _make(folder: Path) -> None:
    """Makes a folder and those above it for this user alone."""
    for place in (*reversed(folder.parents), folder):
        if not place.is_dir():
            place.mkdir(mode=0o700, exist_ok=True)


def _fault(folder: Path, in_sticky: bool = False) -> tuple[str, str] | None:
    """Who else could change what is in a folder, or, `in_sticky`, what is in a new folder in it; None: nobody.

    Returns:
        The fault as a clause, and the start of a sentence that says how to mend it.
    """
    places = list(_passed(folder))
    # Whoever owns the root of the file system can do anything; in some containers that is not user 0.
    trusted = {0, os.geteuid(), os.lstat("/").st_uid}
    for place in places:
        status = place.lstat()
        if status.st_uid not in trusted:
            return f"{place} belongs to another user ({status.st_uid})", ""
        # In a sticky folder others cannot rename or remove what is not theirs.
        kept_apart = status.st_mode & stat.S_ISVTX and (in_sticky or place != places[-1])
        if not stat.S_ISLNK(status.st_mode) and _shared(status) and not kept_apart:
            return f"other users can write to {place}", f"run chmod go-w {shlex.quote(str(place))}, or "
    return None


def _passed(path: Path) -> Iterator[Path]:
    """Every folder and link on the way from the root to an absolute path, the folder that it leads to last."""
    for place in (*reversed(path.parents), path):
        yield place
        if place.is_symlink():
            yield from _passed(place.parent / os.readlink(place) / path.relative_to(place))
            return


def _shared(status: os.stat_result) -> bool:
    """Whether others than its owner can write it."""
    by_group = status.st_mode & stat.S_IWGRP and not _is_trusted(status.st_gid)
    return bool(by_group or status.st_mode & stat.S_IWOTH)


def _is_trusted(group_id: int) -> bool:
    """Whether it is root's group, or the group of this user alone that many systems give to each user."""
    import grp
    import pwd

    if group_id == 0:
        return True
    try:
        group, user = grp.getgrgid(group_id), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
    return group.gr_name == user and set(group.gr_mem) <= {user}
