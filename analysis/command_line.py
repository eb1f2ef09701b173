"""How every command ends. Exit code 1 means "regressed" and nothing else, so whatever goes wrong ends in 2.

Only the standard library is imported here: `bench` ends its commands by the same rule, on machines without pandas.
"""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

FAILED = 2
OURS = ("analysis", "bench", "urnn")
INSTALL = "pip install --editable '.[suite]'"
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
        return FAILED
    except KeyboardInterrupt:
        _say("stopped\n")
        return FAILED
    except SystemExit as end:  # argparse's has 0 or 2, a library's may have 1 or a text
        if end.code in (None, 0):
            raise
        _say(f"{end.code}\n" if isinstance(end.code, str) else "")
        return FAILED
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and (package := _missing(error)):
            _say(f"error: the package {package} is missing; in the checkout, {INSTALL} has it\n")
        elif isinstance(error, OSError) and error.filename is None and error.errno in NO_ROOM:
            _say(f"error: the output cannot be written ({error.strerror}).\n")
        else:
            _say(traceback.format_exc())
        return FAILED
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            _leave_nothing_to_flush(stream)
    return code


def _missing(error: ModuleNotFoundError) -> str:
    """The package to install; "" where a module of this project is missing, which is a mistake here."""
    package = (error.name or "").partition(".")[0]
    return "" if package in OURS else package


def _say(text: str) -> None:
    with suppress(OSError):  # standard error is full or has no reader: the exit code still says it
        print(text, end="", file=sys.stderr)


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


def _leave_nothing_to_flush(stream: TextIO) -> None:
    """What cannot be written goes nowhere: the interpreter's last flush would fail with its own exit code."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
