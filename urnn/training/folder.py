"""Where a run is kept, and that one process at a time trains it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from urnn.training.errors import TrainingError
from urnn.training.problems import Problem
from urnn.training.settings import Settings


def run_folder(runs: Path, problem: Problem, settings: Settings) -> Path:
    """RUNS/<task>-T<length>/<model>-n<hidden size>-seed<seed>."""
    name = f"{settings.model}-n{settings.hidden_size}-seed{settings.seed}"
    return runs / f"{problem.name}-T{problem.length}" / name


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Makes the folder and holds it; a process that dies lets go of it.

    Raises:
        TrainingError: another process holds it, or it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise TrainingError(f"cannot write to {folder} ({error.strerror}); name another with --runs") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TrainingError(f"another process is training {folder}; wait for it, or end it") from error
        yield
