"""A process of a test's own, forked from it, so that it has not to import torch anew for seconds.

The child must not use torch's threads, which do not survive a fork.
"""

import contextlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator


class Fork:
    """A child process."""

    def __init__(self, work: Callable[[], int]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside other threads
            self.pid = os.fork()
        self.code: int | None = None
        if self.pid == 0:
            code = 1
            try:
                os.setsid()
                signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
                code = work()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        """Waits for its end; the exit code, negative for a signal."""
        code = self._wait(0)
        assert code is not None
        return code

    def kill(self) -> None:
        """Ends it at once, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def _wait(self, options: int) -> int | None:
        if self.code is None:
            ended, status = os.waitpid(self.pid, options)
            self.code = os.waitstatus_to_exitcode(status) if ended else None
        return self.code


@contextlib.contextmanager
def forked(work: Callable[[], int]) -> Iterator[Fork]:
    """Calls `work` in a process of its own, whose exit code it returns; the process is killed at the end."""
    child = Fork(work)
    try:
        yield child
    finally:
        child.kill()


def write_to(**places: str | None) -> None:
    """In a fork: leads `stdout` and `stderr`, in this order, to a file each; None closes one."""
    for number, (name, place) in enumerate(places.items(), 1):
        os.close(number)
        if place is not None:
            os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT), number)
        setattr(sys, name, os.fdopen(number, "w", closefd=False) if place else None)
