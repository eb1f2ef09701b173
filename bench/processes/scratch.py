"""Temporary folders that go when the run that made them ends, after kill -9 too.

A folder is held by a lock on itself. The process that made it has the lock, and so have the guards of what that
process started while it had the folder (see `children`); the system takes the lock back however they end. A
keeper, a small process of its own, waits for it and then removes the folder. A folder that can be locked has no
owner any more: where the keeper is killed too, the next run removes the folder.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.errors import SweepError

KINDS = ("sweep", "gate", "history", "calibration", "fleet")
KEEPER = Path(__file__).with_name("keeper.py")
LONGEST = 60  # bytes of a folder in which asv makes a socket, whose path has 103 at most on some systems

_locks: set[int] = set()


def locks() -> list[int]:
    """The descriptors of the locks on this process's folders; a process that inherits one holds the folder too."""
    return sorted(_locks)


def place() -> Path:
    """The folder for temporary files.

    Raises:
        SweepError: none can be written to.
    """
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        raise SweepError(
            f"a folder for temporary files is needed ({error.strerror}); name one in TMPDIR"
        ) from error


@contextlib.contextmanager
def scratch_folder(kind: str) -> Iterator[Path]:
    """A temporary folder for one of KINDS; those that killed runs have left are removed before.

    Raises:
        SweepError: there is no room for one, or nowhere to make one.
    """
    remove_leftovers()
    with contextlib.ExitStack() as stack:
        try:
            path = _new_folder(kind, stack)
            stack.enter_context(_keeper(path))
        except OSError as error:
            raise SweepError(f"cannot make a temporary folder in {place()}: {error.strerror}") from error
        stack.callback(shutil.rmtree, path, ignore_errors=True)  # the next run removes what could not be
        yield path


def _new_folder(kind: str, stack: contextlib.ExitStack) -> Path:
    """One that is held until the stack is closed; what another process removes before it is held is made again."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"urnn-{kind}-", dir=place()))
        try:
            lock = stack.enter_context(held(path))
        except (BlockingIOError, FileNotFoundError):
            continue
        except OSError:
            path.rmdir()
            raise
        if path.exists():
            _locks.add(lock)
            stack.callback(_locks.remove, lock)
            return path


@contextlib.contextmanager
def _keeper(folder: Path) -> Iterator[None]:
    """A process that removes the folder where this one does not get there."""
    nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    command = [sys.executable, "-I", "-S", str(KEEPER), str(folder)]
    try:
        keeper = subprocess.Popen(command, cwd="/", start_new_session=True, **nowhere)
    except OSError:
        folder.rmdir()
        raise
    with keeper:
        try:
            yield
        finally:
            keeper.kill()  # it may wait on: guards of what is still going on hold the folder too


@contextlib.contextmanager
def held(folder: Path) -> Iterator[int]:
    """Marks a folder as a living process's; the lock's descriptor.

    Raises:
        OSError: it is one already, or no folder of this user's, or its file system has no locks.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to another user")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)


def remove_leftovers() -> None:
    """Removes the temporary folders of runs that were killed together with their keepers."""
    remove_dead(path for kind in KINDS for path in place().glob(f"urnn-{kind}-*"))


def remove_dead(folders: Iterable[Path]) -> None:
    """Removes those of the folders that no living process holds; what is no folder of this user's stays."""
    for path in folders:
        with contextlib.suppress(OSError), held(path):
            shutil.rmtree(path, ignore_errors=True)


def temporary_files(folder: Path) -> dict[str, str]:
    """The variables that have a process, its compilers and torch put theirs there.

    TMPDIR is left out where sockets' paths would grow too long. torch makes a folder as soon as it imports its own
    compiler, which the first step of an optimiser does.
    """
    temporary = {"TMPDIR": str(folder)} if len(os.fsencode(folder)) <= LONGEST else {}
    return temporary | {"TORCHINDUCTOR_CACHE_DIR": str(folder / "torchinductor")}
