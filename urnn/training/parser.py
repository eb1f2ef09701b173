"""A parser of options whose faults are one line each, in the words of every other error."""

import argparse
import re
from typing import NoReturn

from urnn.training.errors import TrainingError


class Parser(argparse.ArgumentParser):
    """argparse's, for options of type int and float.

    Raises:
        TrainingError: a wrong argument; the message ends with the command that shows the help.
    """

    def __init__(self, prog: str, description: str | None, epilog: str) -> None:
        super().__init__(prog=prog, description=description, epilog=epilog)
        self.register("type", int, _whole_number)  # argparse itself speaks of an "invalid int value"
        self.register("type", float, _number)

    def error(self, message: str) -> NoReturn:
        of_option = re.sub(r"^argument (\S+): must ", r"\1 must ", message)
        raise TrainingError(f"{of_option}; see {self.prog} --help")


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None
