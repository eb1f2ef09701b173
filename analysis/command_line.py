"""How every command ends. Exit code 1 means "regressed" and nothing else, so whatever goes wrong ends in 2.

Only the standard library is imported here: `bench` ends its commands by the same rule, on machines without pandas.
"""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FAILED = 2
# Whoever writes files turns these into a sentence of their own; without a name they are standard output's.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


def run(command: Callable[[], int]) -> int:
    """Calls `command` and returns the exit code for `sys.exit`.

    SIGTERM and SIGHUP raise KeyboardInterrupt in it, so that it cleans up as after Ctrl-C. A reader that went away
    (`| head`) ends it without a word, output that cannot be written (a full disk) with a sentence, an unforeseen
    exception with its traceback; all with exit code 2.
    """
    write_what_the_terminal_can_show()
    try:
        with stopped_like_ctrl_c():
            code = command()
            if sys.stdout is not None:  # `>&-` leaves a program without one
                sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        return FAILED
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return FAILED
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None and error.errno in NO_ROOM:
            _discard_output()
            print(f"error: the output cannot be written ({error.strerror}).", file=sys.stderr)
        else:
            traceback.print_exc()
        return FAILED
    return code


def write_what_the_terminal_can_show() -> None:
    """Where the encoding is ASCII or the like, a character that it lacks is written as its escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def stopped_like_ctrl_c() -> Iterator[None]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt while this lasts; one that is ignored (nohup) stays ignored."""

    def stop(*_signal_and_frame: object) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in (getattr(signal, name) for name in names)}
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def _discard_output() -> None:
    """What is still buffered goes nowhere, so that the interpreter's last flush does not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
