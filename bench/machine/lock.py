"""One gate at a time on a machine: two would measure each other.

Others may write to the folder of the lock's file. So it has to be a file of this user's own.

Known weakness: it holds among processes that share a folder for temporary files; containers on one machine do not
see each other.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench.errors import SweepError
from bench.processes.locks import BusyError, sole_holder
from bench.processes.scratch import place, remove_leftovers


def lock_path() -> Path:
    """The file that is locked; all users of the machine share it.

    Raises:
        SweepError: no folder for temporary files can be written to.
    """
    return place() / "urnn-gate.lock"


@contextlib.contextmanager
def sole_run(what: str) -> Iterator[None]:
    """Holds the machine for a run that is described as `what`, once the leftovers of killed runs are removed.

    Raises:
        SweepError: another run holds it, and which; or the lock's file cannot be used.
    """
    path = lock_path()
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(sole_holder(path, what, of_this_user=True))
        except BusyError as busy:
            raise SweepError(
                f"another gate is measuring on this machine ({busy}); two at once would measure each other. "
                "Wait until it has ended, or end it."
            ) from None
        except OSError as error:
            raise SweepError(
                f"cannot use the lock {path}: {error.strerror or error}; if it is another user's, only one of you "
                "can measure at a time. Have it removed, or name a temporary folder of your own in TMPDIR."
            ) from error
        remove_leftovers()
        yield
