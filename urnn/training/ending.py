"""How the command ends, whatever happens. Exit code 1 is not among the ways: in this project it means "regressed".

0  the run ended: solved, or trained to its limit
2  it did not: a wrong argument, an interruption, a full disk, a reader that went away, a crash
3  it diverged: its loss is no longer finite
"""

import os
import sys
import traceback
from collections.abc import Callable

from urnn.extras import how_to_install, package_of
from urnn.training import interruption

DONE, FAILED, DIVERGED = 0, 2, 3


def run(command: Callable[[], int]) -> int:
    """Calls `command` and returns the exit code for `sys.exit`; a crash prints its traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what an encoding lacks is written as its escape
            stream.reconfigure(errors="backslashreplace")
    try:
        return _called(command)
    except BrokenPipeError:  # `| head`: it has read what it wanted
        _flush()
        return FAILED


def with_packages(command: Callable[[], int]) -> int:
    """Calls a command that imports what it needs, or names the package that is missing and how to get it."""
    try:
        return command()
    except ModuleNotFoundError as error:
        if (package := package_of(error)) is None:
            raise
        print(f"error: {package} is not installed; install it {how_to_install('training')}", file=sys.stderr)
        return FAILED


def _called(command: Callable[[], int]) -> int:
    try:
        with interruption.as_ctrl_c():
            code = command()
    except SystemExit as end:  # argparse's
        code = end.code if isinstance(end.code, int) else FAILED
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        code = FAILED
    except Exception:
        traceback.print_exc()
        code = FAILED
    error = _flush()
    if error is None:
        return code
    if code == DONE and not isinstance(error, BrokenPipeError):  # else it has said already why it ends
        print(f"error: the output cannot be written ({error.strerror})", file=sys.stderr)
    return FAILED


def _flush() -> OSError | None:
    """Writes what is still buffered; where that fails it goes nowhere, and the error is returned.

    The interpreter's own last flush would end the program with code 120.
    """
    failed = None
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError as error:
            failed = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    return failed
