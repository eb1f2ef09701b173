"""Where a run is kept, and that one process at a time writes there."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from urnn.training import files
from urnn.training.errors import TrainingError
from urnn.training.log import NAME as LOG
from urnn.training.log import Log
from urnn.training.problems import Problem
from urnn.training.settings import Settings


def run_folder(runs: Path, problem: Problem, settings: Settings) -> Path:
    """RUNS/<task>-T<length>/<model>-n<hidden size>-seed<seed>, with the way in which units are selected."""
    way = f"-{settings.select_neurons}" if settings.select_neurons else ""
    name = f"{settings.model}{way}-n{settings.hidden_size}-seed{settings.seed}"
    return runs / f"{problem.name}-T{problem.length}" / name


def newest_log(runs: Path, task: str, length: int | None, model: str, seed: int) -> Log | None:
    """The newest log of such a run, whatever its size; a length of None is that of the task's images.

    None where there is none, or where it cannot be read: of that the trainer says so as soon as it is started.
    """
    logs = [Log(path.parent) for path in runs.glob(f"{task}-T{length or '*'}/{model}-n*-seed{seed}/{LOG}")]
    if not logs:
        return None
    newest = max(logs, key=Log.written_at)
    return newest if newest.is_readable() else None


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
        except files.HeldError as holder:
            raise TrainingError(f"{folder} is in use by {holder}; wait until it has ended, or end it") from holder
        except OSError as error:
            raise TrainingError(
                f"cannot write to {folder} ({files.reason(error)}); name another with --runs"
            ) from error

        def require_own() -> None:
            if not still_there():
                raise TrainingError(f"{folder} was removed or replaced while it was written to; start again")

        yield require_own
