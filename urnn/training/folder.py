"""Where a run is kept, and that one process at a time trains it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from urnn.training import files
from urnn.training.errors import TrainingError
from urnn.training.problems import Problem
from urnn.training.settings import Settings


def run_folder(runs: Path, problem: Problem, settings: Settings) -> Path:
    """RUNS/<task>-T<length>/<model>-n<hidden size>-seed<seed>."""
    name = f"{settings.model}-n{settings.hidden_size}-seed{settings.seed}"
    return runs / f"{problem.name}-T{problem.length}" / name


@contextmanager
def owned(folder: Path) -> Iterator[Callable[[], None]]:
    """Makes the folder and holds it; a process that dies lets go of it.

    Yields:
        A function that raises TrainingError where the folder has been removed or replaced since.

    Raises:
        TrainingError: another process holds it, or it cannot be written to.
    """
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            still_there = held.enter_context(files.locked(folder / "lock"))
        except BlockingIOError as error:
            raise TrainingError(f"another process is training {folder}; wait for it, or end it") from error
        except OSError as error:
            raise TrainingError(
                f"cannot write to {folder} ({files.reason(error)}); name another with --runs"
            ) from error

        def require_own() -> None:
            if not still_there():
                raise TrainingError(f"{folder} was removed or replaced while it was trained in; start again")

        yield require_own
