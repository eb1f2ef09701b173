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
        print(f"training: the package {package} is missing; pip install 'urnn[training]' has it", file=sys.stderr)
        return ending.FAILED


def console() -> int:
    """`urnn-train`, which is `python -m urnn.training`."""
    return ending.run(main)


if __name__ == "__main__":
    sys.exit(console())
