"""What a machine is asked to do: say what it is, and measure blocks. Both are commands of the suite's environment.

Results come back as texts, so that no file system is shared. On one machine one command is alive at a time, the
import of torch included: workers of one machine take turns, and where one was killed, its command holds the turn
until it has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bench.errors import SweepError
from bench.paths import ROOT
from bench.processes.children import last_words, run
from bench.processes.locks import sole_holder
from bench.processes.scratch import place, scratch_folder

if TYPE_CHECKING:
    from distributed import Worker

RESOURCE = "machine"  # one on each worker that may measure
KEPT = ("blocks/*/*.json", "attempts/*/*/*.json", "sessions/*.json")  # of what a command leaves behind

Order = Mapping[str, object]


def introduce(order: Order) -> dict[str, object]:
    """What `bench list --json` says here; once the machine says that much, it may be given blocks.

    Raises:
        RuntimeError: it fails; the message is its last line.
    """
    with _turn():
        done = _command(order, "list", ["--shard=1/1", "--json"])
    if done.returncode:
        raise RuntimeError(last_words(done))
    return json.loads(done.stdout)


async def accept(dask_worker: Worker) -> None:
    """The worker that this runs on may be given blocks."""
    await dask_worker.set_resources(**{RESOURCE: 1})


def measure(order: Order, blocks: Sequence[str]) -> dict[str, object]:
    """Measures blocks: the worker, the exit code, the last line, the seconds that it took, its files as texts."""
    from distributed import get_worker

    with _turn(), scratch_folder("fleet") as scratch:
        begin = time.monotonic()
        done = _command(order, "run", [f"--block={','.join(blocks)}", f"--results={scratch}"])
        seconds = time.monotonic() - begin
        files = {
            str(path.relative_to(folder)): path.read_text()
            for folder in scratch.glob("shards/*")
            for pattern in KEPT
            for path in folder.glob(pattern)
        }
    ended = {"code": done.returncode, "said": last_words(done), "seconds": seconds}
    return {"worker": get_worker().name, **ended, "files": files}


def _command(order: Order, name: str, more: Sequence[str]) -> subprocess.CompletedProcess:
    command = [*order["command"], name, *order["options"], *more]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DASK_")}
    return run(command, ROOT, environment)


@contextlib.contextmanager
def _turn(log: Callable[[str], None] = lambda holder: None) -> Iterator[None]:
    """This machine's, among all engines' workers on it."""
    path = place() / f"urnn-fleet-{os.getuid()}.lock"
    try:
        with sole_holder(path, of_this_user=True, inherit=True, waiting=log):
            yield
    except OSError as error:
        raise SweepError(f"cannot use the lock {path}: {error.strerror or error}") from error
