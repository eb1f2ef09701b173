"""How `bench`'s own commands end, also where what they import is missing: exit code 1 is a regression's alone."""

import importlib

from analysis import command_line


def run_module(name: str) -> int:
    """Imports the module and calls its `main`; the exit code, see `analysis.command_line.run`."""
    return command_line.run(lambda: importlib.import_module(name).main())
