"""How the commands of `bench` and `analysis` are found, called and ended.

A command is a module with three names: `PURPOSE`, its line of help; `add_arguments(parser)`; and `run(options)`,
which returns the exit code. Exit code 1 means "regressed" and nothing else, so whatever goes wrong ends in 2, with
one line on standard error: `error: ` and what to do about it.

Only the standard library is imported here, so that a missing package, too, ends by this rule.
"""

import argparse
import errno
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NoReturn, TextIO

FAILED = 2
OURS = ("analysis", "bench", "urnn")
INSTALL = "pip install --editable '.[suite]'"
# Whoever writes files turns these into a sentence of their own; without a name they are standard output's.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


class Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILED, f"error: {message}; see {self.prog} --help\n")


@dataclass(frozen=True)
class Program:
    """A command line that has several commands."""

    name: str  # how it is called, "python -m bench"
    purpose: str  # the first lines of its help
    package: str  # where the modules of its commands are, "bench.commands"
    commands: tuple[str, ...]  # in the order of the help
    sentences: tuple[type[Exception], ...]  # their messages are for the user; others are faults with a traceback
    interrupted: str  # what Ctrl-C leaves behind, in a few words

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Calls the command that the arguments name; the exit code for `sys.exit`."""
        given = sys.argv[1:] if arguments is None else arguments

        def call() -> int:
            options, unknown = self._parser(given).parse_known_args(given)
            if unknown:  # argparse would name the help of all commands
                options.refuse(f"unrecognized arguments: {' '.join(unknown)}")
            return options.command(options)

        return run(call, self.sentences, self.interrupted)

    def _parser(self, arguments: Sequence[str]) -> Parser:
        parser = Parser(prog=self.name, description=self.purpose)
        commands = parser.add_subparsers(required=True, metavar="COMMAND")
        # One that is named is imported alone: what others need (pandas, matplotlib, ...) takes seconds to import.
        named = [name for name in self.commands if [name] == list(arguments[:1])]
        for name in named or self.commands:
            module = importlib.import_module(f"{self.package}.{name.replace('-', '_')}")
            command = commands.add_parser(name, help=module.PURPOSE, description=module.PURPOSE)
            command.set_defaults(command=module.run, refuse=command.error)
            module.add_arguments(command)
        return parser


def run(
    command: Callable[[], int], sentences: tuple[type[Exception], ...] = (), interrupted: str = "interrupted"
) -> int:
    """Calls `command` and returns the exit code for `sys.exit`.

    Ctrl-C ends it with the line `interrupted`, and so do SIGTERM and SIGHUP, after the same cleaning up. A reader
    that went away (`| head`) ends it without a word; output that cannot be written (a full disk) and the
    exceptions of `sentences` with one line; an unforeseen exception with its traceback; all with exit code 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what an encoding lacks, such as ASCII, is written as its escape
            stream.reconfigure(errors="backslashreplace")
    try:
        with stopped_like_ctrl_c():
            code = command()
            if sys.stdout is not None:  # `>&-` leaves a program without one
                sys.stdout.flush()
    except BrokenPipeError:
        return FAILED
    except KeyboardInterrupt:
        _say(f"error: {interrupted}\n")
        return FAILED
    except SystemExit as end:  # argparse's has 0 or 2, a library's may have 1 or a text
        if end.code in (None, 0):
            raise
        _say(f"error: {end.code}\n" if isinstance(end.code, str) else "")
        return FAILED
    except Exception as error:
        _say(_last_words(error, sentences))
        return FAILED
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            _leave_nothing_to_flush(stream)
    return code


def _last_words(error: Exception, sentences: tuple[type[Exception], ...]) -> str:
    if isinstance(error, OSError) and error.filename is None and error.errno in NO_ROOM:
        return f"error: the output cannot be written ({error.strerror})\n"
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package not in ("", *OURS):  # a missing module of this project is a mistake here
            return f"error: the package {package} is missing; in the checkout, {INSTALL} has it\n"
    return f"error: {error}\n" if isinstance(error, sentences) else traceback.format_exc()


def _say(text: str) -> None:
    with suppress(OSError):  # standard error is full or has no reader: the exit code still says it
        print(text, end="", file=sys.stderr)


@contextmanager
def stopped_like_ctrl_c() -> Iterator[None]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt while this lasts; one that is ignored (nohup) stays ignored."""

    def stop(*_signal_and_frame: object) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    taken = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in taken:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)


def _leave_nothing_to_flush(stream: TextIO) -> None:
    """What cannot be written goes nowhere: the interpreter's last flush would fail with its own exit code."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
