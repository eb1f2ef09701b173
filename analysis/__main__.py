"""`python -m analysis`: see `analysis.commands`.

Nothing of pandas and matplotlib is imported here, so that a broken installation, too, ends by the rule of
`command_line`: exit code 1 means "regressed" and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from analysis.command_line import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code."""
    from analysis import commands  # part of the command, see above

    return commands.main(arguments)


def console() -> int:
    """`urnn-report`, which is `python -m analysis`."""
    return run(main)


if __name__ == "__main__":
    sys.exit(console())
