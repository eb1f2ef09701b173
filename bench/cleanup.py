"""Nothing is left behind when a measuring command ends, however it ends: no process, no temporary folder.

After Ctrl-C, SIGTERM or an error the ends of blocks see to that. After kill -9 nothing of this process runs; so a
watcher, a small process of its own, sleeps at the end of a pipe and is told of every process and folder. The pipe
closes when its owner dies, and then the watcher ends the processes and removes the folders. It is no thread of the
measuring process, because that one may be in the middle of a long computation.

Known weakness: where the watcher is killed too, processes go on to their end; the folders are removed by the next
run. Without /proc only the process group of each process is ended.
"""

import atexit
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PREFIX = "urnn-sweep-"
LONGEST = 60  # bytes of a folder in which asv makes a socket, whose path has 103 at most on some systems


@contextlib.contextmanager
def child(command: Sequence[str], **options: object) -> Iterator[subprocess.Popen]:
    """The process, in a session of its own, which Ctrl-C does not reach; all that it started ends with it.

    `options` are those of `subprocess.Popen`.
    """
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        _watcher.tell("session", process.pid, True)
        yield process
    finally:
        end_session(process.pid)
        _watcher.tell("session", process.pid, False)
        process.wait()


def run(
    command: Sequence[str], *, env: Mapping[str, str], said: str | None = None, **options: object
) -> subprocess.CompletedProcess:
    """Waits for the process, which reads `said` where that is given; its temporary files go when it ends."""
    stdin = subprocess.DEVNULL if said is None else subprocess.PIPE
    with (
        scratch_folder() as scratch,
        child(command, env={**env, **temporary_files(scratch)}, stdin=stdin, **options) as process,
    ):
        output, errors = process.communicate(said)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def temporary_files(folder: Path) -> dict[str, str]:
    """The variable that has a process and its compilers put theirs there, unless sockets' paths grow too long."""
    return {"TMPDIR": str(folder)} if len(os.fsencode(folder)) <= LONGEST else {}


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder; those that killed runs have left are removed before.

    It is held by a lock on itself, which the kernel drops when its owner ends; so what can be locked has none.
    """
    remove_leftovers(Path(tempfile.gettempdir()))
    with contextlib.ExitStack() as stack:
        path = _new_folder(stack)
        _watcher.tell("folder", str(path), True)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            _watcher.tell("folder", str(path), False)


def _new_folder(stack: contextlib.ExitStack) -> Path:
    """One that is held until the stack is closed; what another process removes before it is held is made again."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            stack.enter_context(_held(path))
            if path.exists():
                return path


def remove_leftovers(folder: Path) -> None:
    """Removes this user's scratch folders that no living process holds."""
    for path in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), _held(path):  # held by another, another's, a link, gone by now
            if path.stat().st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def end_session(leader: int) -> None:
    """Kills every process of the session that `leader` has begun, those too that they start meanwhile."""
    killed: set[int] = set()
    while alive := _members(leader) - killed:
        for number in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(number, signal.SIGKILL)
        killed |= alive
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _members(session: int) -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may be gone by now
            # "number (name) state parent group session ...", and a name may hold anything
            if int(path.read_bytes().rpartition(b")")[2].split()[3]) == session:
                found.add(int(path.parent.name))
    return found


class _Watcher:
    """This end of the pipe; the other one is started with the first thing that it has to know."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._known: list[tuple[str, int | str]] = []

    def tell(self, kind: str, what: int | str, is_there: bool) -> None:
        """A session or a folder that is there now, or not any more."""
        if is_there:
            self._known.append((kind, what))
        else:
            self._known.remove((kind, what))
        if self._process is None or self._process.poll() is not None:
            self._start()
            lines = [(*known, True) for known in self._known]
        else:
            lines = [(kind, what, is_there)]
        with contextlib.suppress(BrokenPipeError):  # it was killed just now; the next line starts another
            os.write(self._process.stdin.fileno(), "".join(json.dumps(line) + "\n" for line in lines).encode())

    def _start(self) -> None:
        self.close()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self.close)

    def close(self) -> None:
        """Lets it go."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process = None
            atexit.unregister(self.close)


_watcher = _Watcher()


def watch() -> None:
    """The watcher's own work: reads until its owner is gone, then ends and removes what the owner had."""
    known = set()
    for line in sys.stdin:
        kind, what, is_there = json.loads(line)
        (known.add if is_there else known.discard)((kind, what))
    for kind, what in sorted(known, key=str, reverse=True):  # sessions before folders, which they may write to
        if kind == "session":
            end_session(what)
        else:
            shutil.rmtree(what, ignore_errors=True)


if __name__ == "__main__":
    watch()
