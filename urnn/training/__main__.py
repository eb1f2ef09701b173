"""`python -m urnn.training`: see `urnn.training.command`, and `urnn.training.ending` for its exit codes."""

import sys
from collections.abc import Sequence

from urnn.training import ending


def main(arguments: Sequence[str] | None = None) -> int:
    """The command's exit code, also where a package is not installed."""
    try:
        from urnn.training import command

        return command.main(arguments)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "urnn"):  # no package of others, but a mistake here
            raise
        print(f"training: the package {package} is missing; pip install 'urnn[suite]' has it", file=sys.stderr)
        return ending.FAILED


if __name__ == "__main__":
    sys.exit(ending.run(main))
