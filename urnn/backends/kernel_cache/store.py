"""The folder of kernels: `fetch` reads one, `store` writes one.

Beside each kernel stands a note with its checksum. A kernel that does not match its note is built again, so that a
truncated library never reaches the loader. The kernel, then the note, is written to a scratch folder, synced and
renamed into place. The folder, every folder above it and both files must belong to this user or to root, and must
not be writable by others.
"""

import contextlib
import hashlib
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from urnn.backends.kernel_cache import trust
from urnn.backends.kernel_cache.errors import CacheError
from urnn.backends.kernel_cache.scratch import scratch
from urnn.files import write_new

READABLE = 0o644  # a kernel's permissions, less the umask's: others may read it and not write to it


@dataclass(frozen=True)
class Kernel:
    """A kernel that was read from the cache, or has just been built.

    Attributes:
        name: its file's name.
        code: its bytes.
        seconds: what building it took; None if that is not known.
        path: its file in the cache; None if it could not be stored.
        fresh: whether it has just been built.
        complaint: why it could not be stored and what to do, as a warning.
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


def fetch(name: str) -> Kernel | None:
    """The kernel of this name; None if it is missing or damaged, or others could have written it."""
    try:
        path = _folder() / name
    except CacheError:
        return None
    code, note = _read(path), _read(_note(path))
    if code is None or note is None:
        return None
    digest, _, seconds = note.decode(errors="replace").partition(" ")
    return Kernel(name, code, _number(seconds), path, fresh=False) if digest == _checksum(code) else None


def store(name: str, code: bytes, seconds: float) -> Kernel:
    """Writes a kernel to the cache. If that is impossible, the result has no path and a complaint."""
    try:
        path = _folder() / name
        _put(path, code, f"{_checksum(code)} {seconds:.3f}\n".encode())
    except CacheError as error:
        return Kernel(name, code, seconds, None, fresh=True, complaint=str(error))
    return Kernel(name, code, seconds, path, fresh=True)


def _put(path: Path, code: bytes, note: bytes) -> None:
    """Replaces a kernel and its note.

    Without locks, two processes that do so at once may leave the kernel of one and the note of the other. That is
    a damaged kernel, which the next process builds again.
    """
    try:
        with _one_at_a_time(path.parent), scratch(path.parent) as folder:
            for place, data in ((path, code), (_note(path), note)):
                write_new(folder / place.name, data, READABLE)
                (folder / place.name).replace(place)
    except OSError as error:
        raise _not_writable(path.parent, error) from error


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Waits until no other process writes a kernel into the folder, where the file system has locks."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def discard(kernel: Kernel) -> None:
    """Removes a kernel that does not load."""
    if kernel.path is not None:
        for path in (_note(kernel.path), kernel.path):
            with contextlib.suppress(OSError):  # a read-only cache: the kernel is ignored at each use instead
                path.unlink(missing_ok=True)


def _note(path: Path) -> Path:
    """The file beside a kernel: its checksum and the seconds that building it took."""
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
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (0, os.geteuid()) or trust.shared(status):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _folder() -> Path:
    """The cache folder, created if missing, with links resolved.

    Raises:
        CacheError: it cannot be made, or other users could put kernels there.
    """
    if not trust.POSIX:
        raise CacheError("compiled kernels are kept on Linux and macOS alone", "nothing can be done about it here")
    try:
        folder = cache_folder().absolute()
    except RuntimeError as error:
        raise CacheError(
            "there is no home folder to keep compiled kernels in", "name a folder in URNN_CACHE"
        ) from error
    except OSError as error:  # a relative URNN_CACHE, and the working folder is gone
        raise _not_writable(cache_folder(), error) from error
    try:
        _make(folder)
        fault = trust.fault(folder)
        if fault is None:
            return Path(os.path.realpath(folder))
    except OSError as error:
        raise _not_writable(folder, error) from error
    why, remedy = fault
    raise CacheError(
        f"compiled kernels are neither kept in {folder} nor loaded from there, since {why}",
        f"{remedy}name a folder of your own in URNN_CACHE",
    )


def _not_writable(folder: Path, error: OSError) -> CacheError:
    return CacheError(
        f"compiled kernels cannot be kept in {folder} ({error.strerror})",
        "name a folder that can be written in URNN_CACHE",
    )


def _make(folder: Path) -> None:
    """Creates a folder and those above it, for this user alone."""
    for place in (*reversed(folder.parents), folder):
        if not place.is_dir():
            place.mkdir(mode=0o700, exist_ok=True)
