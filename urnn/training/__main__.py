"""`python -m urnn.training`: see `urnn.training.command`, and `urnn.training.ending` for its exit codes."""

import sys
from collections.abc import Sequence

from urnn.training import ending

PACKAGES = {"sklearn": "scikit-learn"}  # those whose name differs from that of the module that is imported


def main(arguments: Sequence[str] | None = None) -> int:
    """The command's exit code, however it ends; `urnn-train` calls this too."""
    return ending.run(lambda: _call(arguments))


def _call(arguments: Sequence[str] | None) -> int:
    """Imports the command and calls it, or names the package that it needs and that is not installed."""
    try:
        from urnn.training import command

        return command.main(arguments)
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module in ("", "urnn"):  # no package of others, but a mistake here
            raise
        package = PACKAGES.get(module, module)
        print(f"error: {package} is not installed; install it with: pip install 'urnn[training]'", file=sys.stderr)
        return ending.FAILED


if __name__ == "__main__":
    sys.exit(main())
