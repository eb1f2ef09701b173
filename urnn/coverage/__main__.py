"""`python -m urnn.coverage`: see `urnn.coverage.command`, and `urnn.training.ending` for its exit codes."""

import sys
from collections.abc import Sequence

from urnn.training import ending


def main(arguments: Sequence[str] | None = None) -> int:
    """The command's exit code, however it ends."""
    return ending.run(lambda: ending.with_packages(lambda: _call(arguments)))


def _call(arguments: Sequence[str] | None) -> int:
    from urnn.coverage import command

    return command.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
