"""One measuring job at a time on a machine, whoever started it: two would measure each other.

Measuring processes inherit the lock. So one whose owner was killed keeps the next job waiting until it has ended.
Others may write to the folder of the lock's file. So it has to be a file of this user's own.

Known weakness: it holds among processes that share a folder for temporary files; containers on one machine do not
see each other, and neither do jobs of a scheduler that gives each a TMPDIR of its own.
"""

import contextlib
from collections.abc import Callable, Iterator
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
def sole_run(what: str = "", waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Holds the machine for a run that is described as `what`, once the leftovers of killed runs are removed.

    Args:
        what: for whoever comes second; "": this command.
        waiting: called with a sentence before another run is waited for; without it, none is.

    Raises:
        SweepError: another run holds it, and which; or the lock's file cannot be used.
    """
    path = lock_path()
    with contextlib.ExitStack() as stack:
        try:
            say = waiting and (lambda holder: waiting(f"waiting until another run has ended ({holder})"))
            stack.enter_context(sole_holder(path, what, of_this_user=True, inherit=True, waiting=say))
        except BusyError as busy:
            raise SweepError(
                f"another run is measuring on this machine ({busy}); two at once would measure each other. "
                "Wait until it has ended, or end it."
            ) from None
        except OSError as error:
            raise SweepError(
                f"cannot use the lock {path}: {error.strerror or error}; if it is another user's, only one of you "
                "can measure at a time. Have it removed, or name a temporary folder of your own in TMPDIR."
            ) from error
        remove_leftovers()
        yield
